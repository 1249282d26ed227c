package fhir_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npmRequired reports whether public software that is not there is a failure, and not a
// reason to skip: CI must run it, or its absence would go unseen.
func npmRequired() bool {
	return os.Getenv("CI") == "true" || strings.Contains(os.Getenv("CARELOG_REQUIRE"), "npm")
}

// npmScript returns a command that runs a script of testdata/npm with Node.js and the
// packages of npmFolder. The scripts are copied to a folder of the test, beside a link to
// the packages, so that Node.js finds them from there by each of its rules.
func npmScript(t testing.TB, name string) *exec.Cmd {
	t.Helper()
	packages, scripts := npmFolder(t), t.TempDir()
	if err := os.CopyFS(scripts, os.DirFS(filepath.Join("testdata", "npm"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(scripts, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "node", filepath.Join(scripts, name))
}

// npmFolder returns the folder of the packages that the lock file names. They are
// installed once, in a folder of the user's cache. Without Node.js, npm or a registry the
// test is skipped, unless it is required.
func npmFolder(t testing.TB) string {
	t.Helper()
	unless := func(format string, args ...any) {
		t.Helper()
		if npmRequired() {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if testing.Short() {
		t.Skip("public software takes seconds; -short leaves it out")
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			unless("there is no %s on this machine, so public software cannot run beside ours", program)
		}
	}
	packages, err := npmPackages(t)
	if err != nil {
		unless("the packages of testdata/npm cannot be installed, so public software cannot run beside ours: %v", err)
	}
	return packages
}

// npmPackages installs what the lock file names, where it is not yet, and returns the
// folder node_modules. Two tests that do so at once do not disturb each other.
func npmPackages(t testing.TB) (string, error) {
	t.Helper()
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("testdata", "npm", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = content
		sum.Write(content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "carelog", "npm")
	folder := filepath.Join(cache, fmt.Sprintf("%x", sum.Sum(nil)[:8]))
	if _, err := os.Stat(folder); err == nil {
		return filepath.Join(folder, "node_modules"), nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "fresh-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh) // gone already where it became the folder
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o600); err != nil {
			return "", err
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--omit=optional", "--legacy-peer-deps",
		"--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=30000")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	if err := os.Rename(fresh, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(folder); there != nil {
			return "", err
		}
	}
	return filepath.Join(folder, "node_modules"), nil
}

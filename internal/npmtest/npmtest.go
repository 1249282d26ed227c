package npmtest

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

// Required reports whether public software that is not there is a failure, and not a
// reason to skip: CI must run it, or its absence would go unseen.
func Required() bool {
	return os.Getenv("CI") == "true" || strings.Contains(os.Getenv("CARELOG_REQUIRE"), "npm")
}

// Folder returns the folder node_modules with the packages of package.json and
// package-lock.json in dir. Without the programs, npm or a registry the test is skipped,
// unless it is required.
func Folder(t testing.TB, dir string, programs ...string) string {
	t.Helper()
	unless := func(format string, args ...any) {
		t.Helper()
		if Required() {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if testing.Short() {
		t.Skip("public software takes seconds; -short leaves it out")
	}
	for _, program := range append(programs, "npm") {
		if _, err := exec.LookPath(program); err != nil {
			unless("there is no %s on this machine, so public software cannot run beside ours", program)
		}
	}
	packages, err := install(t, dir)
	if err != nil {
		unless("the packages of %s cannot be installed, so public software cannot run beside ours: %v", dir, err)
	}
	return packages
}

// install installs where it is not yet. Two tests that do so at once do not disturb each
// other.
func install(t testing.TB, dir string) (string, error) {
	t.Helper()
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
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
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--omit=optional", "--legacy-peer-deps",
		"--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=30000")
	npm.Dir = fresh
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	if err := os.Rename(fresh, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(folder); there != nil {
			return "", err
		}
	}
	return filepath.Join(folder, "node_modules"), nil
}

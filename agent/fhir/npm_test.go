package fhir_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/internal/npmtest"
)

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

// npmFolder returns the folder of the packages that the lock file names. Without Node.js,
// npm or a registry the test is skipped, unless it is required.
func npmFolder(t testing.TB) string {
	t.Helper()
	return npmtest.Folder(t, filepath.Join("testdata", "npm"), "node")
}

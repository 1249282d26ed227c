package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Folder returns the path of a folder or file of shared, such as fhir-samples.
func Folder(t testing.TB, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	name := filepath.Join(append([]string{"shared"}, parts...)...)
	path := filepath.Join(dir, "..", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not beside this repository, and CI must not pass over what needs it: put it there", name)
		}
		t.Skipf("%s is not beside this repository: it is not ours to ship", name)
	}
	return path
}

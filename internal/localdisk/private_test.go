package localdisk_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/carelog/carelog/internal/localdisk"
)

func TestPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such rights")
	}
	path := filepath.Join(t.TempDir(), "record.db")
	private := func(names ...string) {
		t.Helper()
		if err := localdisk.Private(path); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s is %v, %v; want that only its owner reads it", name, info, err)
			}
		}
	}
	private(path) // a new one
	for _, name := range []string{path, path + "-wal"} {
		if err := os.WriteFile(name, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	private(path, path+"-wal")
	if text, err := os.ReadFile(path); string(text) != "kept" || err != nil {
		t.Errorf("the file says %q, %v; want what it said", text, err)
	}
	if _, err := os.Stat(path + "-shm"); err == nil {
		t.Error("a file was made that nobody asked for")
	}
}

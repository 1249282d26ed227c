package localdisk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/internal/localdisk"
)

func TestWriteFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "token")
	for _, text := range []string{"first, and longer", "second"} {
		if err := localdisk.WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); string(got) != text || err != nil {
			t.Errorf("the file says %q, %v; want %q", got, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want that only its owner reads it", info, err)
	}
	if err := os.Mkdir(filepath.Join(folder, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := localdisk.WriteFile(filepath.Join(folder, "taken"), []byte("x")); err == nil {
		t.Error("a folder was written over")
	}
	if entries, err := os.ReadDir(folder); len(entries) != 2 || err != nil {
		t.Errorf("the folder has %v, %v; want the file and the folder alone", entries, err)
	}
}

package localdisk_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/carelog/carelog/internal/localdisk"
)

func TestReplaceFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "1.blk")
	if err := localdisk.ReplaceFile(path, []byte("none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := localdisk.ReplaceFile(path, []byte("second")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "second" || err != nil {
		t.Errorf("the file says %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
		t.Errorf("the file is %v, %v; want it as it was", info.Mode(), err)
	}
}

func TestRemoveUnfinished(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{".new-123", "1.blk"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{folder, folder, filepath.Join(folder, "none")} {
		if err := localdisk.RemoveUnfinished(folder); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 || left[0].Name() != "1.blk" {
		t.Errorf("%v is left, %v", left, err)
	}
}

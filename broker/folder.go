package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/internal/localdisk"
)

// FolderInUseError says that another process works in a folder.
type FolderInUseError struct{ Folder string }

// Error says what to do.
func (e *FolderInUseError) Error() string {
	return fmt.Sprintf("folder %s is in use by another process: stop that one, or choose another folder", e.Folder)
}

// lockFolder keeps other processes out of a folder, or says *FolderInUseError.
func lockFolder(dir string) (*localdisk.Lock, error) {
	lock, err := localdisk.TakeLock(filepath.Join(dir, "lock"))
	if errors.Is(err, localdisk.ErrLocked) {
		err = &FolderInUseError{Folder: dir}
	}
	return lock, err
}

// waitForFolder takes the lock as soon as the other process lets go of it.
func waitForFolder(ctx context.Context, dir string) (*localdisk.Lock, error) {
	for {
		lock, err := lockFolder(dir)
		var inUse *FolderInUseError
		if !errors.As(err, &inUse) {
			return lock, err
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return nil, err
		}
	}
}

// exists reports whether there is a file at path.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

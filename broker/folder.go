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

// writeSecret writes a file as a whole or not at all, for this user only, and
// returns when it is on disk.
func writeSecret(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return localdisk.SyncFolder(filepath.Dir(path))
}

// exists reports whether there is a file at path.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

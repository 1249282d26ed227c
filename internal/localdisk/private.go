package localdisk

import (
	"errors"
	"io/fs"
	"os"
)

// Private sees to it that only its owner reads a file of SQLite: it makes an empty one where
// there is none, which SQLite takes for a new one, and takes the rights of others away from one
// that is there and from what stands beside it. SQLite makes those files with the rights of the
// first. On Windows the folder decides.
func Private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(name, info.Mode().Perm()&0o700); err != nil {
				return err
			}
		}
	}
	return nil
}

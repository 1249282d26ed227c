package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another agent has the data folder.
var ErrInUse = errors.New("another carelog agent is running on this data folder: stop it, or give this one a folder of its own")

// Lock takes the data folder of a desk that is not running, so that a tool can look
// into its files; ErrInUse where it is. Close gives it back.
func Lock(data string) (io.Closer, error) { return lockFolder(filepath.Join(data, lockFile)) }

// folderLock keeps two agents apart. The system frees it when the process ends,
// however it ends.
type folderLock struct{ file *os.File }

func lockFolder(path string) (*folderLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &folderLock{f}, nil
}

// writePID tells a person who looks which process has the lock.
func writePID(f *os.File) error {
	_, err := fmt.Fprintf(f, "%d\n", os.Getpid())
	return err
}

func (l *folderLock) Close() error { return l.file.Close() }

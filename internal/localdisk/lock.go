package localdisk

import (
	"errors"
	"fmt"
	"os"
)

// ErrLocked says that another process has the lock.
var ErrLocked = errors.New("another process has it")

// Lock is held until Close, or until the process ends.
type Lock struct{ file *os.File }

// TakeLock takes the lock that the file at path stands for, and makes the file where
// there is none; ErrLocked at once where another has it. The file tells a person who
// looks which process has the lock.
func TakeLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := tryLock(f)
	if err == nil && !ok {
		err = ErrLocked
	}
	if err == nil {
		err = errors.Join(f.Truncate(0), writePID(f))
		if Full(err) {
			err = nil // only who looks misses it
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Lock{f}, nil
}

func writePID(f *os.File) error {
	_, err := fmt.Fprintf(f, "%d\n", os.Getpid())
	return err
}

// Close lets go of the lock. The file stays.
func (l *Lock) Close() error { return l.file.Close() }

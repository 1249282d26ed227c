package localdisk

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncData puts what was written to a file on disk, with as much of what is known about it as
// is needed to read it back: not when it was changed, which the file system would write to
// another place, and wait for.
func SyncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/carelog/carelog/internal/localdisk"
)

// reserveFile keeps room on the disk in which what was begun can be ended. There is nothing
// to be read in it.
const reserveFile = "reserve"

// reserve is that room. On a disk that gets full it is given up, for a change that is safe and
// must be shown, or for a desk that is to be opened; while it is not there, no change is begun and
// nothing is read from the server.
type reserve struct {
	path  string
	bytes int64
	whole atomic.Bool

	mu sync.Mutex // of the file
}

func newReserve(folder string, bytes int64) *reserve {
	return &reserve{path: filepath.Join(folder, reserveFile), bytes: bytes}
}

// makeWay gives the room up where there is little left beside it.
func (r *reserve) makeWay() {
	if free, err := localdisk.Free(filepath.Dir(r.path)); err == nil && free < r.bytes {
		r.giveUp()
	}
}

// giveUp gives the room to whoever needs it now, and reports whether there was any.
func (r *reserve) giveUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole.Store(false)
	return os.Remove(r.path) == nil
}

// take takes the room, unless it has it. It leaves as much again to those who begin something.
func (r *reserve) take() error {
	if r.whole.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch info, err := os.Stat(r.path); {
	case err == nil && info.Size() == r.bytes:
		r.whole.Store(true)
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := enough(filepath.Dir(r.path), 2*r.bytes); err != nil {
		return err
	}
	if err := fill(r.path, r.bytes); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	r.whole.Store(true)
	return nil
}

// enough is an error where it is known that less is free on the disk of a folder.
func enough(folder string, bytes int64) error {
	free, err := localdisk.Free(folder)
	if err != nil || free >= bytes {
		return nil
	}
	return fmt.Errorf("%.1f MB are free on the disk of %s, and carelog needs %.1f MB", float64(free)/1e6, folder, float64(bytes)/1e6)
}

// fill writes a file of so many bytes, which no file system can make shorter.
func fill(path string, bytes int64) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{}), bytes)
	return err
}

package outbox

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/internal/localdisk"
)

// Bounds of the file beside the outbox in which SQLite collects changes, its WAL.
const (
	// walPages is how many pages go there before they are moved into the outbox itself: a
	// hundred changes or so.
	walPages = 250
	// walRoom is how long the WAL is from the beginning: walPages and a few of the change
	// that comes to them, each of 4 KiB with a head of 24 bytes.
	walRoom = (walPages + 6) * (4096 + 24)
)

// wal is the WAL of an outbox, as a file of its own: a change is in it when it was committed,
// and on disk when it was synced.
type wal struct {
	path string
	file *os.File    // nil: it was not opened yet
	info os.FileInfo // of file
}

// sync waits until what was committed is on disk. SQLite would do so by itself with
// synchronous FULL, but by an fsync, which waits for the time of the change as well.
func (w *wal) sync() error {
	if err := w.open(); err != nil {
		return err
	}
	return localdisk.SyncData(w.file)
}

// open opens the file that stands there now. SQLite makes it anew where all connections had
// been closed.
func (w *wal) open() error {
	info, err := os.Stat(w.path)
	if err != nil {
		return err
	}
	if w.file != nil && os.SameFile(info, w.info) {
		return nil
	}
	if err := w.close(); err != nil {
		return err
	}
	if w.file, err = os.OpenFile(w.path, os.O_WRONLY, 0); err != nil {
		return err
	}
	if w.info, err = w.file.Stat(); err != nil {
		return errors.Join(err, w.close())
	}
	return localdisk.SyncFolder(filepath.Dir(w.path))
}

// close may be called again.
func (w *wal) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// makeRoom makes the WAL of an open outbox as long as it gets in everyday use. A commit
// that makes a file longer waits half as long again for the disk, since the file system
// must note the new length as well. SQLite writes over the zeros; where it reads a WAL
// back, they end it, as what is left of an earlier round does.
func (w *wal) makeRoom() error {
	if err := w.open(); err != nil {
		return err
	}
	info, err := w.file.Stat()
	if err != nil || info.Size() >= walRoom {
		return err
	}
	_, err = w.file.WriteAt(make([]byte, walRoom-info.Size()), info.Size())
	return err
}

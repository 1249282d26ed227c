package outbox

import (
	"errors"
	"os"
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

// makeRoom makes the WAL of an open outbox as long as it gets in everyday use. A commit
// that makes a file longer waits half as long again for the disk, since the file system
// must note the new length as well. SQLite writes over the zeros; where it reads a WAL
// back, they end it, as what is left of an earlier round does.
func makeRoom(path string) (err error) {
	f, err := os.OpenFile(path+"-wal", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || info.Size() >= walRoom {
		return err
	}
	_, err = f.WriteAt(make([]byte, walRoom-info.Size()), info.Size())
	return err
}

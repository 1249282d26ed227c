package projections_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
)

// A long WAL is moved into the file while changes go on, long before the writer would
// have to do so itself.
func TestWALIsMovedBesideChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, a := openAt(t, path), newDesk("a")
	defer finish(t, s)
	size := func(path string) int64 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const enough, tooLong = 80 << 20, 300 << 20
	letter := make([]byte, 4<<20)
	rand.Read(letter)
	sequence := uint64(0)
	write := func(sealed []byte) {
		sequence++
		e := a.write(events.Record{Type: "Binary", ID: fmt.Sprint("b", sequence)}, "")
		e.Event.Sealed = sealed
		apply(t, s, at(sequence, e))
	}
	for size(path+"-wal") < enough {
		write(letter)
	}
	for size(path) < enough/2 { // one change after the other, as people make them
		write([]byte("a note"))
		if size(path+"-wal") > tooLong {
			t.Fatal("the WAL grows and nothing of it is moved")
		}
	}
}

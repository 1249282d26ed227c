package projections_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
)

// A long WAL is moved into the file while changes go on, one right after the other, and is then begun anew,
// long before the writer would have to do so itself.
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
	for first := walBegun(t, path); walBegun(t, path) == first; write([]byte("a note")) {
		if size(path+"-wal") > tooLong {
			t.Fatal("the WAL grows and is not begun anew")
		}
	}
	if size(path) < enough/2 {
		t.Error("the WAL was begun anew and is not in the file")
	}
}

// walBegun tells how often the WAL of the store at path was begun, as its header has it.
func walBegun(t *testing.T, path string) uint32 {
	t.Helper()
	wal, err := os.Open(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	defer wal.Close()
	var header [32]byte
	if _, err := wal.ReadAt(header[:], 0); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint32(header[12:])
}

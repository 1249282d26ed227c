package projections_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// A long WAL is moved into the file while changes go on, one right after the other, and is then begun anew,
// long before the writer would have to do so itself.
func TestWALIsMovedBesideChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, a := openAt(t, path), newDesk("a")
	defer finish(t, s)
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
	for sizeOf(t, path+"-wal") < enough {
		write(letter)
	}
	for first := walBegun(t, path); walBegun(t, path) == first; write([]byte("a note")) {
		if sizeOf(t, path+"-wal") > tooLong {
			t.Fatal("the WAL grows and is not begun anew")
		}
	}
	if sizeOf(t, path) < enough/2 {
		t.Error("the WAL was begun anew and is not in the file")
	}
}

// As long as large batches come, the file of the WAL is not cut off when it is begun anew, and it is not moved for its
// length alone. After the next small change it is.
func TestWALIsKeptBetweenLargeBatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, a := openAt(t, path), newDesk("a")
	defer finish(t, s)
	const enough, enoughOfMany = 80 << 20, 240 << 20
	letter := make([]byte, 64<<10)
	rand.Read(letter)
	sequence := uint64(0)
	write := func(many int, sealed []byte) {
		var list []projections.Entry
		for range many {
			sequence++
			e := a.write(events.Record{Type: "Binary", ID: fmt.Sprint("b", sequence)}, "")
			e.Event.Sealed = sealed
			list = append(list, at(sequence, e))
		}
		apply(t, s, list...)
	}
	note := []byte("a note")
	begun := func(many int) {
		t.Helper()
		for first := walBegun(t, path); walBegun(t, path) == first; write(many, note) {
			if sizeOf(t, path+"-wal") > 2*enoughOfMany {
				t.Fatal("the WAL grows and is not begun anew")
			}
		}
	}
	for write(256, letter); sizeOf(t, path+"-wal") < enoughOfMany; {
		write(256, letter)
	}
	begun(256)
	if long := sizeOf(t, path+"-wal"); long < enoughOfMany {
		t.Errorf("the WAL was begun anew, and its file has %d bytes: cut off between large batches", long)
	}
	first := walBegun(t, path)
	for range 6 { // 96 MB, into a file that is long already
		write(256, letter)
	}
	if walBegun(t, path) != first {
		t.Error("the WAL was moved for the length of its file, and not for what is in it")
	}
	begun(1)
	if now := sizeOf(t, path+"-wal"); now >= enough {
		t.Errorf("after a small change the WAL has %d bytes: want less than %d", now, enough)
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
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

package projections_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// answers are all that a store opened for reading answers.
type answers struct {
	Position events.Position
	Stream   string
	Keys     []events.WrappedKey
	Log      []events.Stored
}

func readAll(t *testing.T, s *projections.ReadOnly) (c answers) {
	t.Helper()
	ctx := context.Background()
	var err error
	if c.Position, c.Stream, err = s.Position(ctx); err != nil {
		t.Fatal(err)
	}
	for k, err := range s.Keys(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = append(c.Keys, k)
	}
	for m, err := range s.Log(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		c.Log = append(c.Log, m)
	}
	return c
}

// readOnly opens a file for reading, reads all of it and closes it.
func readOnly(t *testing.T, path string) answers {
	t.Helper()
	s, err := projections.OpenReadOnly(context.Background(), path, practice)
	if err != nil {
		t.Fatal(err)
	}
	c := readAll(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// written fills a store with a few messages and a key.
func written(t *testing.T, s *projections.Store) {
	t.Helper()
	ctx, a := context.Background(), newDesk("a")
	first := at(1, a.write(note, note1("x")))
	second := at(2, a.write(note, note1("y"), first.Event.ID))
	b := projections.Batch{Stream: "s1", Position: events.Position{Sequence: 2, Hash: second.Hash}, Entries: []projections.Entry{first, second}}
	if _, err := s.Apply(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := s.PutKeys(ctx, events.WrappedKey{Patient: "pat-1", Wrapped: []byte("k")}); err != nil {
		t.Fatal(err)
	}
}

func wantWritten(t *testing.T, c answers) {
	t.Helper()
	var sequences []uint64
	for _, m := range c.Log {
		sequences = append(sequences, m.Sequence)
	}
	if c.Position.Sequence != 2 || c.Stream != "s1" || len(c.Keys) != 1 || !slices.Equal(sequences, []uint64{1, 2}) {
		t.Fatalf("read %+v", c)
	}
}

// filesOf are the bytes of a file and of its WAL.
func filesOf(t *testing.T, path string) (files [2][]byte) {
	t.Helper()
	for i, suffix := range []string{"", "-wal"} {
		var err error
		if files[i], err = os.ReadFile(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return files
}

// An auditor beside a desk that runs changes nothing: neither the name of its numbering, nor
// whether it counts as closed in order, nor anything else.
func TestReadOnlyBesideARunningStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	defer finish(t, s)
	written(t, s)
	before := filesOf(t, path)
	wantWritten(t, readOnly(t, path))
	if after := filesOf(t, path); !bytes.Equal(before[0], after[0]) || !bytes.Equal(before[1], after[1]) {
		t.Fatal("reading changed the file, or what SQLite keeps beside it")
	}
}

// What comes in while it is open is seen, and the desk's own closing is in order.
func TestReadOnlyOutlivesTheRunningStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	r, err := projections.OpenReadOnly(context.Background(), path, practice)
	if err != nil {
		t.Fatal(err)
	}
	written(t, s)
	want := dump(t, s)
	finish(t, s)
	wantWritten(t, readAll(t, r))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	defer finish(t, again)
	if diff := cmp.Diff(want, dump(t, again)); diff != "" {
		t.Fatalf("after the reader (-want +got):\n%s", diff)
	}
}

// What SQLite keeps beside the file of a stopped desk is in nobody's way later: a snapshot
// can take its place.
func TestReadOnlyOfAStoppedStore(t *testing.T) {
	dir := t.TempDir()
	path, next := filepath.Join(dir, "record.db"), filepath.Join(dir, "next.db")
	s := openAt(t, path)
	written(t, s)
	if err := s.Copy(context.Background(), next); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
	before := filesOf(t, path)
	wantWritten(t, readOnly(t, path))
	if after := filesOf(t, path); !bytes.Equal(before[0], after[0]) || len(after[1]) > 0 {
		t.Fatal("reading changed the file")
	}
	again := openAt(t, path)
	defer finish(t, again)
	if err := again.Replace(context.Background(), next); err != nil {
		t.Fatal(err)
	}
}

// What a power cut left in the WAL is read, and still stands there: the desk checks the
// file when it starts.
func TestReadOnlyAfterACrash(t *testing.T) {
	dir := t.TempDir()
	path, after := filepath.Join(dir, "record.db"), filepath.Join(dir, "after.db")
	s := openAt(t, path)
	written(t, s)
	copyFiles(t, path, after)
	finish(t, s)
	os.Remove(after + "-shm")
	before := filesOf(t, after)
	wantWritten(t, readOnly(t, after))
	if files := filesOf(t, after); !bytes.Equal(before[0], files[0]) || !bytes.Equal(before[1], files[1]) {
		t.Fatal("reading changed the file, or its WAL")
	}
}

func TestReadOnlyRefuses(t *testing.T) {
	ctx := context.Background()
	missing := filepath.Join(t.TempDir(), "record.db")
	if _, err := projections.OpenReadOnly(ctx, missing, practice); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a file was made")
	}
	path, _ := filled(t)
	var stranger *projections.PracticeError
	if _, err := projections.OpenReadOnly(ctx, path, "practice-2"); !errors.As(err, &stranger) {
		t.Errorf("another practice: %v", err)
	}
	for _, schema := range []int{0, projections.Schema() - 1, projections.Schema() + 1} {
		setSchema(t, path, schema)
		before := filesOf(t, path)
		_, err := projections.OpenReadOnly(ctx, path, practice)
		var older *projections.OlderError
		var newer *projections.NewerError
		if schema < projections.Schema() && (!errors.As(err, &older) || older.Have != schema || !strings.Contains(err.Error(), "start the desk with this carelog")) {
			t.Errorf("schema %d: %v", schema, err)
		}
		if schema > projections.Schema() && !errors.As(err, &newer) {
			t.Errorf("schema %d: %v", schema, err)
		}
		if after := filesOf(t, path); !bytes.Equal(before[0], after[0]) {
			t.Errorf("schema %d: the file was changed", schema)
		}
	}
	letter := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(letter, bytes.Repeat([]byte("Dear colleague, "), 20), 0o600); err != nil {
		t.Fatal(err)
	}
	var foreign *projections.NotOursError
	if _, err := projections.OpenReadOnly(ctx, letter, practice); !errors.As(err, &foreign) {
		t.Errorf("a letter: %v", err)
	}
}

func setSchema(t *testing.T, path string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA user_version = " + strconv.Itoa(version)); err != nil {
		t.Fatal(err)
	}
}

// sealed makes a folder one in which nothing may be written, until the test ends.
func sealed(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("to root every folder is one that can be written")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
}

// A copy of a stopped desk's folder can be read where nothing may be written, as on a disk
// that was taken out of it. If somebody else writes there after all, it is told.
func TestReadOnlyWhereNothingMayBeWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.db")
	s := openAt(t, path)
	written(t, s)
	finish(t, s)
	sealed(t, dir)
	wantWritten(t, readOnly(t, path))

	r, err := projections.OpenReadOnly(context.Background(), path, practice)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path)
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "read it again") {
		t.Errorf("a desk was started meanwhile: %v", err)
	}
	finish(t, again)
}

// Where the last changes stand in a WAL that cannot be read without writing, that is said.
func TestReadOnlyCannotReadWAL(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	path, after := filepath.Join(dir, "record.db"), filepath.Join(other, "record.db")
	s := openAt(t, path)
	written(t, s)
	copyFiles(t, path, after)
	finish(t, s)
	os.Remove(after + "-shm")
	sealed(t, other)
	_, err := projections.OpenReadOnly(context.Background(), after, practice)
	if err == nil || !strings.Contains(err.Error(), "copy the folder to where it can be written") {
		t.Fatalf("open: %v", err)
	}
}

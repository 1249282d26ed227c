package projections_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// filled makes a file with some events in it and returns its path and its dump.
func filled(t *testing.T) (path, want string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "record.db")
	s, a := openAt(t, path), newDesk("a")
	for i := range 200 {
		r := events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}
		if i == 100 {
			a.write(r, note1("what nobody hears of"))
		}
		apply(t, s, at(uint64(i+1), a.write(r, note1(strings.Repeat("word ", 50)))))
	}
	want = dump(t, s)
	finish(t, s)
	return path, want
}

func TestReopenAfterCrash(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "record.db"), filepath.Join(dir, "after.db")
	s, a := openAt(t, path), newDesk("a")
	apply(t, s, at(1, a.write(note, note1("x"))))
	want := dump(t, s)
	copyFiles(t, path, copied) // as a power cut leaves it: nothing closed, all in the WAL
	finish(t, s)
	again := openAt(t, copied)
	defer finish(t, again)
	if diff := cmp.Diff(want, dump(t, again)); diff != "" {
		t.Fatalf("after a crash (-want +got):\n%s", diff)
	}
}

// A WAL that ends in the middle of a transaction gives the state before it.
func TestReopenAfterTornWrite(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "record.db"), filepath.Join(dir, "after.db")
	s, a := openAt(t, path), newDesk("a")
	first := at(1, a.write(note, note1("x")))
	apply(t, s, first)
	want := dump(t, s)
	apply(t, s, at(2, a.write(note, note1("y"), first.Event.ID)))
	copyFiles(t, path, copied)
	finish(t, s)
	os.Remove(copied + "-shm")
	info, err := os.Stat(copied + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(copied+"-wal", info.Size()-100); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, copied)
	defer finish(t, again)
	if diff := cmp.Diff(want, dump(t, again)); diff != "" {
		t.Fatalf("after a torn write (-want +got):\n%s", diff)
	}
}

// open refuses with an error of type E, and leaves the file as it is.
func refused[E error](t *testing.T, path string, o projections.Options) E {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := projections.Open(context.Background(), path, o)
	var want E
	if !errors.As(err, &want) {
		if s != nil {
			s.Close()
		}
		t.Fatalf("open: %v: want a %T", err, want)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Fatal("the file was changed")
	}
	return want
}

func TestRefusesForeignFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(path, bytes.Repeat([]byte("Dear colleague, "), 20), 0o600); err != nil {
		t.Fatal(err)
	}
	refused[*projections.NotOursError](t, path, options())

	path = filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (x)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	refused[*projections.NotOursError](t, path, options())
}

func TestRefusesOtherPracticeAndNewerSchema(t *testing.T) {
	path, _ := filled(t)
	other := options()
	other.Practice = "practice-2"
	if got := refused[*projections.PracticeError](t, path, other); got.Have != practice || got.Want != "practice-2" {
		t.Fatalf("practices: %+v", got)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if got := refused[*projections.NewerError](t, path, options()); got.Have != 99 || got.Known != projections.Schema() {
		t.Fatalf("versions: %+v", got)
	}
}

func TestRefusesDamagedFile(t *testing.T) {
	t.Run("beginning", func(t *testing.T) {
		path, _ := filled(t)
		if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
		refused[*projections.CorruptError](t, path, options())
	})
	t.Run("schema", func(t *testing.T) {
		path, _ := filled(t)
		scribble(t, path, 100, 3000)
		if got := refused[*projections.CorruptError](t, path, options()); !strings.Contains(got.Error(), "delete it") || !strings.Contains(got.Error(), "rebuilt from the log") {
			t.Fatalf("the error does not say what to do: %v", got)
		}
	})
	t.Run("rows, after a crash", func(t *testing.T) {
		path, _ := filled(t)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("UPDATE store SET clean = 0"); err != nil {
			t.Fatal(err)
		}
		db.Close()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for from := int64(30 * 4096); from < info.Size(); from += 8192 {
			scribble(t, path, from, 64)
		}
		refused[*projections.CorruptError](t, path, options())
	})
}

func scribble(t *testing.T, path string, from int64, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5}, n), from); err != nil {
		t.Fatal(err)
	}
}

// Two programs on one file do each other no harm: nothing is remembered between changes.
func TestSecondOpener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	one, two := openAt(t, path), openAt(t, path)
	a, b := newDesk("a"), newDesk("b")
	var parents []events.ID
	for i := range 20 {
		s, d := one, a
		if i%2 == 1 {
			s, d = two, b
		}
		e := at(uint64(i+1), d.write(note, note1(fmt.Sprint(i)), parents...))
		apply(t, s, e)
		parents = []events.ID{e.Event.ID}
	}
	for _, s := range []*projections.Store{one, two} {
		if got := state(t, s, note); len(got.Heads) != 1 || got.Shown.Event.ID != parents[0] {
			t.Fatalf("heads: %v: want %v", ids(got.Heads), parents)
		}
	}
	finish(t, one)
	finish(t, two)
	if err := two.Close(); err != nil {
		t.Fatalf("close again: %v", err)
	}
	if _, err := two.Apply(context.Background(), projections.Batch{}); err == nil {
		t.Fatal("a closed store takes entries")
	}
}

// A batch with a fault in it leaves nothing behind.
func TestApplyIsAllOrNothing(t *testing.T) {
	s, a := open(t), newDesk("a")
	apply(t, s, at(1, a.write(note, note1("x"))))
	want := dump(t, s)
	broken := projections.Entry{Reason: "a message from nowhere"}
	if _, err := s.Apply(context.Background(), projections.Batch{
		Entries: []projections.Entry{at(2, a.write(allergy, `{}`)), broken}, Position: events.Position{Sequence: 2},
	}); err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, dump(t, s)); diff != "" {
		t.Fatalf("a failed batch left something (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Apply(ctx, projections.Batch{Entries: []projections.Entry{at(2, a.write(allergy, `{}`))}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("apply: %v: want context.Canceled", err)
	}
}

// What is stored gives back the very message, attributes of a newer version included.
func TestLogGivesTheSameMessages(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	newer := a.event("carelog.record.written.v9", note, "", "body", a.id(nil))
	newer.Extra = []events.Attribute{{Name: "ce-colour", Value: "blue: very"}, {Name: "ce-z1", Value: "~"}}
	plain := a.write(note, note1("x")).Event
	broken := events.Message{Subject: "carelog.practice-1.-", Header: map[string][]string{"Nats-X": {"a", "b"}, "y": {"\xff"}}, Data: []byte{0}}
	var want []events.Message
	for _, e := range []*events.Event{newer, plain} {
		m, err := events.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, m)
	}
	want = append(want, broken, want[1])
	apply(t, s, at(1, projections.Entry{Event: newer, Doubt: projections.DoubtUnknownType}), at(2, projections.Entry{Event: plain, Body: plain.Sealed}),
		at(3, projections.Entry{Message: broken, Reason: "it is no event"}), at(4, projections.Entry{Event: plain, Body: plain.Sealed}))
	var got []events.Message
	for m, err := range s.Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Message)
		if hash, ok, err := s.HashAt(ctx, m.Sequence); !ok || err != nil || hash != hashAt(m.Sequence) {
			t.Fatalf("hash at %d: %s, %v, %v", m.Sequence, hash, ok, err)
		}
		if n, err := s.CountPlaces(ctx, m.Sequence); n != uint64(len(got)) || err != nil {
			t.Fatalf("places up to %d: %d, %v; want %d", m.Sequence, n, err, len(got))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("log (-want +got):\n%s", diff)
	}
	if n, err := s.DossierSequence(ctx, ""); n != 3 || err != nil {
		t.Fatalf("the practice's own dossier: %d, %v: want 3", n, err)
	}
}

// A file of the first schema is brought to the newest, and every record is found in it.
func TestMigratesTheFirstSchema(t *testing.T) {
	path, want := filled(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, back := range []string{
		"DROP INDEX record_carrier", "DROP INDEX head_carrier", "DROP TABLE named", "DROP TABLE named_lately", "DROP INDEX record_dossier", "DROP INDEX record_device", "DROP INDEX record_patient",
		"CREATE UNIQUE INDEX record_name ON record (type, id)", "CREATE INDEX record_dossier ON record (dossier, type)",
		"ALTER TABLE device DROP COLUMN holes", "ALTER TABLE store DROP COLUMN keys_read", "ALTER TABLE store DROP COLUMN keys_stored", "ALTER TABLE store DROP COLUMN keys_gone", "ALTER TABLE store DROP COLUMN keys_here", "DROP TABLE erased_key", "ALTER TABLE store DROP COLUMN feed", "ALTER TABLE store DROP COLUMN began", "DROP INDEX notice_event", "ALTER TABLE notice DROP COLUMN of_event",
		"DROP TABLE found_by", "DROP TABLE value", "DROP TABLE unindexed",
		"ALTER TABLE store DROP COLUMN indexed", "ALTER TABLE store DROP COLUMN indexed_by",
		"CREATE TABLE term (kind TEXT NOT NULL, value TEXT NOT NULL, system TEXT NOT NULL, carrier INTEGER NOT NULL, PRIMARY KEY (kind, value, system, carrier)) STRICT, WITHOUT ROWID",
		"PRAGMA user_version = 1",
	} {
		if _, err := db.Exec(back); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	s := openAt(t, path)
	defer finish(t, s)
	if diff := cmp.Diff(want, dump(t, s)); diff != "" {
		t.Errorf("after the migration (-want +got):\n%s", diff)
	}
	if got := state(t, s, events.Record{Type: "Condition", ID: "c7"}); len(got.Heads) != 1 {
		t.Errorf("c7 has %d heads: want 1", len(got.Heads))
	}
}

// A file of which a record's name, or the place of one, was lost is found out.
func TestCheckFindsALostName(t *testing.T) {
	for _, harm := range []string{"DELETE FROM named WHERE record = 3", "UPDATE named SET name = name + 1 WHERE record = 3", "INSERT INTO named_lately VALUES (7, 99)"} {
		path, _ := filled(t)
		behindItsBack(t, path, harm)
		s := openAt(t, path)
		var differs *projections.DifferenceError
		if err := s.Check(t.Context()); !errors.As(err, &differs) {
			t.Errorf("%s: check says %v, want a difference", harm, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

package projections_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// copied is a copy of a store that has read entries of the log.
func copied(t *testing.T, list ...projections.Entry) (path string) {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer finish(t, s)
	read(t, s, list...)
	path = filepath.Join(t.TempDir(), "copy.db")
	if err := s.Copy(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplaceWhileOthersReadAndWrite(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	path := copied(t, log...)
	s := open(t)
	queued := newDesk("q").write(note, note1("queued here"))
	apply(t, s, queued)
	key := events.WrappedKey{Patient: "pat-7", Wrapped: []byte("w")}
	if err := s.PutKeys(ctx, key); err != nil {
		t.Fatal(err)
	}
	before, err := s.Changes(ctx, projections.Mark{}, 10)
	if err != nil || len(before) != 1 {
		t.Fatalf("feed: %v, %v", before, err)
	}

	var busy sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		busy.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.Record(ctx, note); err != nil {
					t.Errorf("a question while the file is replaced: %v", err) // what is queued is always there
				}
				if i == 0 {
					if err := s.PutKeys(ctx, events.WrappedKey{Patient: fmt.Sprint("late-", n)}); err != nil {
						t.Errorf("a change while the file is replaced: %v", err)
					}
				}
			}
		})
	}
	err = s.Replace(ctx, path, queued)
	close(stop)
	busy.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that was taken over is still there: %v", err)
	}
	keys := 0
	for k, err := range s.Keys(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if k.Patient == key.Patient {
			keys++
		}
	}
	if keys != 1 {
		t.Error("the key that was here is gone")
	}
	if got := state(t, s, note); len(got.Heads) != 3 {
		t.Errorf("%d heads, want two of the log and the queued one", len(got.Heads))
	}
	after, err := s.Changes(ctx, projections.Mark{}, 100)
	if err != nil || len(after) == 0 || after[len(after)-1].Event != queued.Event.ID {
		t.Errorf("feed after the replacement: %v, %v; want the queued event at its end", after, err)
	}
	if err := s.Remove(ctx, queued.Event.ID); err != nil {
		t.Fatal(err)
	}
	plain := openAt(t, copied(t, log...))
	for k, err := range s.Keys(ctx) {
		if err == nil {
			err = plain.PutKeys(ctx, k)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(dump(t, plain), dump(t, s)); diff != "" {
		t.Errorf("not what the file held (-want +got):\n%s", diff)
	}
	finish(t, plain)
}

func TestReplaceRefuses(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err == nil {
				_, err = db.Exec(text)
			}
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, string)
		want  func(error) bool
	}{
		{"none", func(t *testing.T, path string) { os.Remove(path) }, func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		{"empty", write(""), is[*projections.NotOursError]},
		{"a letter", write("Dear colleague, this is a letter that is longer than the header of a database would be, and it goes on."), is[*projections.NotOursError]},
		{"newer", run("PRAGMA user_version = 99"), is[*projections.NewerError]},
		{"of another practice", run("UPDATE store SET practice = 'practice-2'"), is[*projections.PracticeError]},
		{"zeros", func(t *testing.T, path string) { write(string(make([]byte, 8192)))(t, path) }, is[*projections.CorruptError]},
		{"cut short", func(t *testing.T, path string) {
			if err := os.Truncate(path, 5*4096); err != nil {
				t.Fatal(err)
			}
		}, is[*projections.CorruptError]},
		{"its schema is scribbled over", func(t *testing.T, path string) { scribble(t, path, 100, 3000) }, is[*projections.CorruptError]},
		{"with a trigger that forgets", run("CREATE TRIGGER forget AFTER INSERT ON event BEGIN DELETE FROM event WHERE arrival = new.arrival; END"), is[*projections.NotOursError]},
		{"with a view in the place of a table", run("DROP TABLE repeat; CREATE VIEW repeat AS SELECT 1 AS sequence, 1 AS stored, x'' AS hash, x'' AS fingerprint, x'' AS id"), is[*projections.NotOursError]},
		{"without an index", run("DROP INDEX event_record"), is[*projections.NotOursError]},
		{"not closed in order, and damaged", func(t *testing.T, path string) {
			run("UPDATE store SET clean = 0")(t, path)
			for from := int64(30 * 4096); from < 60*4096; from += 4096 {
				scribble(t, path, from, 64)
			}
		}, is[*projections.CorruptError]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			read(t, s, log[:2]...)
			before := dump(t, s)
			path := copied(t, log...)
			c.spoil(t, path)
			if err := s.Replace(ctx, path); !c.want(err) {
				t.Errorf("replace: %v", err)
			}
			if diff := cmp.Diff(before, dump(t, s)); diff != "" {
				t.Errorf("a refused file changed the store (-want +got):\n%s", diff)
			}
			read(t, s, log[2])
		})
	}
}

func is[E error](err error) bool {
	var want E
	return errors.As(err, &want)
}

// What the server has lost is only here: no file takes its place before it was given back.
func TestReplaceKeepsWhatTheServerHasLost(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	s := open(t)
	read(t, s, log[:4]...)
	if err := s.Distrust(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(ctx, copied(t, log[:3]...)); !errors.Is(err, projections.ErrUnconfirmed) {
		t.Fatalf("replace: %v, want %v", err, projections.ErrUnconfirmed)
	}
	read(t, s, log[:4]...)
	if err := s.Replace(ctx, copied(t, log...)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(replayed(t, log...), dump(t, s)); diff != "" {
		t.Errorf("not what the file held (-want +got):\n%s", diff)
	}
}

// Another program that has the file open keeps a WAL that the new file must not meet.
func TestReplaceBesideAnotherProgram(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	path := filepath.Join(t.TempDir(), "record.db")
	s, other := openAt(t, path), openAt(t, path)
	read(t, s, log[0])
	before := dump(t, s)
	next := copied(t, log...)
	if err := s.Replace(ctx, next); !is[*projections.BusyError](err) {
		t.Fatalf("replace: %v, want a *BusyError", err)
	}
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("a refused file changed the store (-want +got):\n%s", diff)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(ctx, next); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
}

// A dossier that was fetched ahead of the read stays as far as it was fetched: whoever
// has it open may have no line any more by which it could be fetched again.
func TestReplaceKeepsWhatWasReadAhead(t *testing.T) {
	log := logOfAll()
	d := newDesk("d")
	changed := at(20, d.write(allergy, `{"resourceType":"AllergyIntolerance","id":"all-1","note":[{"text":"penicillin"}]}`, log[5].Event.ID))
	unsigned := at(21, d.write(note, note1("not signed")))
	unsigned.Doubt, unsigned.Reason, unsigned.Body = projections.DoubtSignature, "it is not signed", nil
	s := open(t)
	read(t, s, log[:2]...)
	apply(t, s, log[5], changed, unsigned)
	if err := s.Replace(context.Background(), copied(t, log[:7]...)); err != nil {
		t.Fatal(err)
	}
	if got := state(t, s, allergy); len(got.Heads) != 1 || got.Heads[0].Event.ID != changed.Event.ID {
		t.Errorf("heads %+v, want the change that was fetched ahead", got.Heads)
	}
	read(t, s, log[7], changed, unsigned)
	if diff := cmp.Diff(replayed(t, append(log, changed, unsigned)...), dump(t, s)); diff != "" {
		t.Errorf("not what a replay makes (-want +got):\n%s", diff)
	}
}

// A copy that is under way when the file is replaced is of one file or of the other.
func TestReplaceDuringACopy(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	d := newDesk("d")
	for i := range 3000 {
		log = append(log, at(uint64(len(log)+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}, note1("more"))))
	}
	s := open(t)
	read(t, s, log...)
	dir := t.TempDir()
	for i := range 3 {
		next := copied(t, log[:len(log)-i%2]...)
		path := filepath.Join(dir, fmt.Sprint(i))
		var busy sync.WaitGroup
		busy.Go(func() {
			if err := s.Copy(ctx, path); err != nil {
				t.Errorf("copy while the file is replaced: %v", err)
			}
		})
		for _, err := os.Stat(path); err != nil && !t.Failed(); _, err = os.Stat(path) {
			runtime.Gosched() // until it has begun
		}
		if err := s.Replace(ctx, next); err != nil {
			t.Errorf("replace while the file is copied: %v", err)
		}
		busy.Wait()
		if t.Failed() {
			return
		}
		got := openAt(t, path)
		finish(t, got)
	}
}

// What was never in the old file may be in the new one, also where that holds less: a
// record and a dossier that were strangers here a moment ago.
func TestReplaceForgetsWhoWasNeverHere(t *testing.T) {
	log := logOfAll()
	last := at(9, newDesk("z").write(note, note1("once more"), log[2].Event.ID))
	s := open(t)
	q := newDesk("q")
	// More than the file holds, so that the numbers of the feed go on from here.
	for i := range 2 * len(log) {
		e := q.event(events.Written, events.Record{Type: "Condition", ID: fmt.Sprint("own-", i)}, "pat-own", note1("queued"))
		apply(t, s, projections.Entry{Event: e, Body: e.Sealed})
	}
	if err := s.Replace(context.Background(), copied(t, log...)); err != nil {
		t.Fatal(err)
	}
	read(t, s, last)
	if diff := cmp.Diff(replayed(t, append(log, last)...), dump(t, s)); diff != "" {
		t.Errorf("not what a replay makes (-want +got):\n%s", diff)
	}
}

package projections_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// locked opens a store whose bodies open where it has a key of their patient.
func locked(t *testing.T, path string) (s *projections.Store) {
	t.Helper()
	o := options()
	o.Opener = func(e *events.Event) ([]byte, error) {
		keys, err := s.KeysOf(e.Patient)
		if err == nil && len(keys) == 0 {
			err = events.ErrNoKey
		}
		return e.Sealed, err
	}
	s, err := projections.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unopened is a change whose key had not come.
func unopened(d *desk, r events.Record) projections.Entry {
	e := d.write(r, note1("gout"))
	e.Body, e.Doubt = nil, projections.DoubtUnopened
	return e
}

// Whoever opens a body asks for its key within a question and within a change, whatever waits for whom: when all
// readers are in use, and when a change was promised that needs a key itself.
func TestKeysAreFoundWithinQuestionsAndChanges(t *testing.T) {
	r := events.Record{Type: "Observation", ID: "o"}
	synctest.Test(t, func(t *testing.T) {
		s := locked(t, filepath.Join(t.TempDir(), "record.db"))
		defer finish(t, s)
		e := unopened(newDesk("a"), r)
		apply(t, s, at(1, e))
		if err := s.PutKeys(t.Context(), events.WrappedKey{Patient: e.Event.Patient, Wrapped: []byte("w")}); err != nil {
			t.Fatal(err)
		}
		shown := make(chan struct{})
		s.Promise(shown, nil)
		var asking sync.WaitGroup
		for range 2 * projections.ReaderCount {
			asking.Go(func() {
				if got, err := s.Record(t.Context(), r); err != nil || got.Shown.Body == nil {
					t.Errorf("%s, %v", got.Shown.Body, err)
				}
			})
		}
		if changed, err := s.Reopen(t.Context(), e.Event.Patient); err != nil || len(changed) != 1 {
			t.Errorf("opened %v, %v", changed, err)
		}
		close(shown)
		asking.Wait()
	})
}

// What does not open because keys cannot be read is not said to be closed, and no change is made of it.
func TestKeysThatCannotBeRead(t *testing.T) {
	r := events.Record{Type: "Observation", ID: "o"}
	path := filepath.Join(t.TempDir(), "record.db")
	s := locked(t, path)
	defer finish(t, s)
	e := unopened(newDesk("a"), r)
	apply(t, s, at(1, e))
	if err := s.PutKeys(t.Context(), events.WrappedKey{Patient: e.Event.Patient, Wrapped: []byte("w")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reopen(t.Context(), e.Event.Patient); err != nil {
		t.Fatal(err)
	}
	later := unopened(newDesk("b"), events.Record{Type: "Observation", ID: "later"})
	apply(t, s, at(2, later))

	behindItsBack(t, path, "ALTER TABLE wrapped_key RENAME TO away")
	if got, err := s.Record(t.Context(), r); err == nil {
		t.Errorf("it is shown as %q %q", got.Shown.Doubt, got.Shown.Body)
	}
	if changed, err := s.Reopen(t.Context(), e.Event.Patient); err == nil {
		t.Errorf("opened %v, and that one is left was not told", changed)
	}
	behindItsBack(t, path, "ALTER TABLE away RENAME TO wrapped_key")
	if got, err := s.Record(t.Context(), r); err != nil || got.Shown.Body == nil {
		t.Errorf("afterwards: %s, %v", got.Shown.Body, err)
	}
	if changed, err := s.Reopen(t.Context(), e.Event.Patient); err != nil || len(changed) != 1 {
		t.Errorf("afterwards it opened %v, %v", changed, err)
	}
}

// The number of keys is kept, and is right however they come: again, one by one, or with another file.
// Check compares it as well.
func TestTheNumberOfKeys(t *testing.T) {
	ctx := context.Background()
	key := func(patient string) events.WrappedKey {
		return events.WrappedKey{Patient: patient, Wrapped: []byte("w")}
	}
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	defer func() { finish(t, s) }()
	want := func(what string, n int) {
		t.Helper()
		if c, err := s.CountKeys(ctx); err != nil || c.Here != n {
			t.Errorf("%s: %d keys, %v; want %d", what, c.Here, err, n)
		}
	}
	want("at first", 0)
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(s.PutKeys(ctx, key("a"), key("b")), s.PutKeys(ctx, key("b"), key("c")), s.PutRead(ctx, events.KeyMark{}, key("c"), key("d"), key("d")))
	want("put twice", 4)
	must(s.PutErasedKeys(ctx, key("a"), key("never here")))
	want("one was erased", 3)

	copy := filepath.Join(t.TempDir(), "copy.db")
	must(s.Copy(ctx, copy))
	other := openAt(t, copy)
	must(other.PutKeys(ctx, key("a"), key("e")))
	finish(t, other)
	must(s.Replace(ctx, copy))
	want("with another file", 4)

	finish(t, s)
	behindItsBack(t, path, "ALTER TABLE device DROP COLUMN holes", "ALTER TABLE store DROP COLUMN keys_here", "PRAGMA user_version = 10")
	s = openAt(t, path)
	want("in a file of the schema before", 4)
	finish(t, s)
	behindItsBack(t, path, "UPDATE store SET keys_here = 7")
	s = openAt(t, path)
	var differs *projections.DifferenceError
	if err := s.Check(ctx); !errors.As(err, &differs) {
		t.Errorf("check says %v, want a difference", err)
	}
	must(s.Close())
	behindItsBack(t, path, "UPDATE store SET keys_here = 5")
	s = openAt(t, path)
}

// That the store was closed before a key was found is no word on whether there is one: the question fails.
func TestAStoreIsClosedWhileABodyIsOpened(t *testing.T) {
	r := events.Record{Type: "Observation", ID: "o"}
	var s *projections.Store
	o := options()
	o.Opener = func(e *events.Event) ([]byte, error) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.KeysOf(e.Patient); err != nil {
			return nil, err
		}
		return e.Sealed, nil
	}
	s, err := projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, at(1, newDesk("a").write(r, note1("gout"))))
	if got, err := s.Record(t.Context(), r); err == nil {
		t.Errorf("it is shown as %q %q", got.Shown.Doubt, got.Shown.Body)
	}
}

// lockedAndBroken is locked, and while broken is set keys cannot be read.
func lockedAndBroken(t *testing.T, path string, broken *bool) (s *projections.Store) {
	t.Helper()
	o := options()
	o.Opener = func(e *events.Event) ([]byte, error) {
		if *broken {
			behindItsBack(t, path, "ALTER TABLE wrapped_key RENAME TO away")
			defer behindItsBack(t, path, "ALTER TABLE away RENAME TO wrapped_key")
		}
		_, err := s.KeysOf(e.Patient)
		return e.Sealed, err
	}
	s, err := projections.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A copy opens bodies with the keys of its store. Where they cannot be read there is none: two that say the same would be
// a conflict in it, on every PC that takes it.
func TestNoCopyIsMadeWithoutKeys(t *testing.T) {
	path, into := filepath.Join(t.TempDir(), "record.db"), filepath.Join(t.TempDir(), "copy.db")
	var broken bool
	s := lockedAndBroken(t, path, &broken)
	defer finish(t, s)
	read(t, s, at(1, newDesk("a").write(note, note1("asthma"))), at(2, newDesk("b").write(note, note1("asthma"))))
	apply(t, s, newDesk("c").write(note, note1("severe asthma"))) // is taken out of the copy, and the record made anew
	broken = true
	if err := s.Copy(t.Context(), into); err == nil {
		t.Error("a copy was made")
	}
	broken = false
	if err := s.Copy(t.Context(), into); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// So it is with what is put on top of a file that takes the place of the store's.
func TestNoFileTakesItsPlaceWithoutKeys(t *testing.T) {
	path, into := filepath.Join(t.TempDir(), "record.db"), filepath.Join(t.TempDir(), "copy.db")
	var broken bool
	s := lockedAndBroken(t, path, &broken)
	defer finish(t, s)
	read(t, s, at(1, newDesk("a").write(note, note1("asthma"))))
	if err := s.Copy(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	queued := newDesk("b").write(note, note1("asthma"))
	broken = true
	if err := s.Replace(t.Context(), into, queued); err == nil {
		t.Error("it was taken")
	}
	broken = false
	if err := s.Replace(t.Context(), into, queued); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if got, err := s.Record(t.Context(), note); err != nil || len(got.Heads) != 2 || got.Conflict {
		t.Errorf("afterwards: %d heads, in conflict %v, %v", len(got.Heads), got.Conflict, err)
	}
}

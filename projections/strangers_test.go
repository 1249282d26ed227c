package projections_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Another program makes a dossier for a message that is no event, which moves no number
// of the feed: the patient is no stranger any more.
func TestAnotherProgramMakesADossier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, other := openAt(t, path), openAt(t, path)
	defer finish(t, s)
	d := newDesk("a")
	read(t, s, at(1, d.write(note, note1("asthma"))))
	apply(t, other, at(2, projections.Entry{Message: events.Message{Subject: "carelog.practice-1.pat-9", Data: []byte("?")}, Reason: "it is no event"}))
	finish(t, other)
	e := d.event(events.Written, events.Record{Type: "Patient", ID: "pat-9"}, "pat-9", note1("of that dossier"))
	apply(t, s, at(3, projections.Entry{Event: e, Body: e.Sealed}))
}

// A batch that fails leaves nobody known who is not here, and nobody a stranger who is.
func TestStrangersAfterABatchThatFails(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	d := newDesk("a")
	first, second := at(1, d.write(note, note1("asthma"))), at(2, d.write(allergy, note1("penicillin")))
	failed := errors.New("not now")
	for range 2 {
		if _, err := s.Apply(ctx, projections.Batch{Entries: []projections.Entry{first, second}, Before: func() error { return failed }}); !errors.Is(err, failed) {
			t.Fatalf("apply: %v", err)
		}
	}
	read(t, s, first, second)
	queued := d.write(events.Record{Type: "Condition", ID: "con-1"}, note1("queued"))
	apply(t, s, queued)
	if err := s.Remove(ctx, queued.Event.ID); err != nil {
		t.Fatal(err)
	}
	apply(t, s, queued)
	child := at(3, newDesk("b").write(allergy, note1("none"), second.Event.ID))
	read(t, s, child, at(4, queued))
	if diff := cmp.Diff(replayed(t, first, second, child, at(4, queued)), dump(t, s)); diff != "" {
		t.Errorf("not what a replay makes (-want +got):\n%s", diff)
	}
}

// What a version is found by does not depend on how many came with it.
func TestManyEntriesAreFoundAsOneIs(t *testing.T) {
	var list []projections.Entry
	d := newDesk("a")
	for i := range 300 {
		e := d.write(events.Record{Type: "Patient", ID: fmt.Sprint("p", i)}, patientBody(fmt.Sprint("Name", i), "Jan", "1970-01-02", fmt.Sprint(i)))
		e.Body = nil // who applies it leaves the opening to the store
		list = append(list, at(uint64(i+1), e))
	}
	one, many := open(t), open(t)
	for _, e := range list {
		apply(t, one, e)
	}
	apply(t, many, list...)
	if diff := cmp.Diff(dump(t, one), dump(t, many)); diff != "" {
		t.Errorf("applied at once (-one by one +at once):\n%s", diff)
	}
}

// What is held back of a batch is seen by all of it that comes later.
func TestABatchSeesItsOwnEvents(t *testing.T) {
	d := newDesk("a")
	first := d.write(allergy, note1("penicillin"))
	base := d.write(note, note1("asthma"))
	left, right := d.write(note, note1("left"), base.Event.ID), d.write(note, note1("right"), base.Event.ID)
	list := []projections.Entry{at(1, first), at(2, base), at(3, left), at(4, right), at(5, base)}
	one, many := open(t), open(t)
	for _, e := range list {
		apply(t, one, e)
	}
	apply(t, many, list...)
	if diff := cmp.Diff(dump(t, one), dump(t, many)); diff != "" {
		t.Errorf("applied at once (-one by one +at once):\n%s", diff)
	}
}

// Rows that were held back go with their batch, where they find no room and where something else of it fails.
func TestNoRoomForRowsThatWereHeld(t *testing.T) {
	const usual = 1 << 30
	ctx := context.Background()
	d := newDesk("a")
	var list []projections.Entry
	for i := range 400 {
		list = append(list, at(uint64(i+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}, note1("asthma"))))
	}
	s := open(t)
	apply(t, s, list[0])
	before := dump(t, s)
	if _, err := s.Apply(ctx, projections.Batch{Entries: append(slices.Clone(list[1:11]), projections.Entry{})}); err == nil {
		t.Fatal("a message without a place was taken, and what was held before it")
	}
	apply(t, s)
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Fatalf("of a batch that failed something comes later (-want +got):\n%s", diff)
	}
	pages, err := s.SetMaxPages(ctx, 1) // what it has
	if err != nil {
		t.Fatal(err)
	}
	for more := range 12 {
		if _, err := s.SetMaxPages(ctx, pages+more); err != nil {
			t.Fatal(err)
		}
		var disk *projections.DiskError
		if _, err := s.Apply(ctx, projections.Batch{Entries: list[1:]}); !errors.As(err, &disk) {
			t.Fatalf("with room for %d pages: %v", more, err)
		}
		if diff := cmp.Diff(before, dump(t, s)); diff != "" {
			t.Fatalf("with room for %d pages something stays (-want +got):\n%s", more, diff)
		}
	}
	if _, err := s.SetMaxPages(ctx, usual); err != nil {
		t.Fatal(err)
	}
	last := at(401, d.write(allergy, note1("penicillin")))
	apply(t, s, last) // nothing that was held comes with it
	apply(t, s, list[1:]...)
	whole := open(t)
	apply(t, whole, append(list, last)...)
	if diff := cmp.Diff(dump(t, whole), dump(t, s)); diff != "" {
		t.Errorf("not as it would be with room (-want +got):\n%s", diff)
	}
}

// Nobody who was met is a stranger, however many there are, and nearly all others are.
func TestStrangersOfManyNames(t *testing.T) {
	for _, n := range []int{1000, 100_000, 300_000} {
		forgotten, mistaken := projections.Strangers(n)
		if forgotten > 0 || mistaken > n/100 {
			t.Errorf("of %d names %d are forgotten, want none, and of as many others %d are taken for known, want 1 in 100 at most", n, forgotten, mistaken)
		}
	}
}

package projections_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

func TestBeforeIsCalledBeforeTheCommit(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	d := newDesk("one")
	e := d.event(events.Written, note, "p1", `{"resourceType":"Condition","id":"c1"}`)
	refused := errors.New("the outbox did not take it")
	for _, want := range []error{refused, nil} {
		called := 0
		_, err := s.Apply(ctx, projections.Batch{Entries: []projections.Entry{{Event: e}}, Before: func() error {
			called++
			if _, err := s.Record(ctx, note); !errors.Is(err, projections.ErrNotFound) {
				t.Errorf("reading while the change waits: got %v, want %v", err, projections.ErrNotFound)
			}
			return want
		}})
		if !errors.Is(err, want) || called != 1 {
			t.Errorf("Before was called %d times, and Apply returned %v; want once and %v", called, err, want)
		}
		if _, err := s.Record(ctx, note); (err == nil) != (want == nil) {
			t.Errorf("after %v, reading the record: %v", want, err)
		}
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
}

// Whoever waits for a change that waits itself can give up.
func TestChangesWaitForBefore(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer s.Close()
	d := newDesk("one")
	first := d.event(events.Written, note, "p1", `{"resourceType":"Condition","id":"c1"}`)
	second := d.event(events.Written, events.Record{Type: "Condition", ID: "c2"}, "p1", `{"resourceType":"Condition","id":"c2"}`)
	waiting, cancel := context.WithCancel(ctx)
	gaveUp := make(chan error, 1)
	_, err := s.Apply(ctx, projections.Batch{Entries: []projections.Entry{{Event: first}}, Before: func() error {
		go func() {
			_, err := s.Apply(waiting, projections.Batch{Entries: []projections.Entry{{Event: second}}})
			gaveUp <- err
		}()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("a change that nobody waits for any more: got %v, want %v", err, context.Canceled)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Counts(ctx); err != nil || c.Events != 1 {
		t.Errorf("%d events (%v), want 1", c.Events, err)
	}
}

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

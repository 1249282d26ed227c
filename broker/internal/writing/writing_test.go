package writing_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// script is a line that answers as it is told to, step by step.
type script struct {
	t     *testing.T
	steps []step
	sent  int
}

// step is the answer to one send, and what the dossier holds after it.
type step struct {
	sequence uint64
	err      error
	dossier  []events.Stored
	readErr  error
}

func (s *script) Publish(context.Context, events.Message, writing.Expectation) (uint64, error) {
	if s.sent++; s.sent > len(s.steps) {
		s.t.Fatalf("it was sent %d times, want at most %d", s.sent, len(s.steps))
	}
	return s.steps[s.sent-1].sequence, s.steps[s.sent-1].err
}

func (s *script) Subject(_ context.Context, _ string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		now := s.steps[s.sent-1]
		if now.readErr != nil {
			yield(events.Stored{}, now.readErr)
			return
		}
		for _, m := range now.dossier {
			if m.Sequence > after && !yield(m, nil) {
				return
			}
		}
	}
}

func message(id, record string) events.Message {
	return events.Message{Subject: "carelog.p1.pat-1", Header: map[string][]string{"ce-id": {id}, "ce-subject": {record}}}
}

func stored(sequence uint64, id, record string) events.Stored {
	return events.Stored{Sequence: sequence, Message: message(id, record)}
}

var (
	errLost     = fmt.Errorf("%w: no answer", events.ErrUnknownOutcome)
	errConflict = fmt.Errorf("%w: 7", writing.ErrConflict)
	errRefused  = &events.RefusedError{Reason: "not allowed"}
	other       = stored(3, "B", "Condition/2")
	same        = stored(4, "C", "Condition/1")
	own         = stored(5, "A", "Condition/1")
)

func TestDecisions(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		sends int
		want  uint64
		err   error // sentinel
		stale uint64
	}{
		"stored":                                    {steps: []step{{sequence: 9}}, sends: 1, want: 9},
		"offline":                                   {steps: []step{{err: events.ErrOffline}}, sends: 1, err: events.ErrOffline},
		"lost, but stored":                          {steps: []step{{err: errLost, dossier: []events.Stored{own}}}, sends: 1, want: 5},
		"lost, not stored, sent again":              {steps: []step{{err: errLost, dossier: []events.Stored{other}}, {sequence: 9}}, sends: 2, want: 9},
		"lost, cannot be read back":                 {steps: []step{{err: errLost, readErr: events.ErrOffline}}, sends: 1, err: events.ErrUnknownOutcome},
		"lost, not stored yet, then offline":        {steps: []step{{err: errLost}, {err: events.ErrOffline}}, sends: 2, err: events.ErrUnknownOutcome},
		"lost, not stored yet, then refused":        {steps: []step{{err: errLost}, {err: errRefused}}, sends: 2, err: events.ErrUnknownOutcome},
		"lost, the record was changed meanwhile":    {steps: []step{{err: errLost, dossier: []events.Stored{same}}}, sends: 1, stale: 4},
		"lost, stored, and changed after that":      {steps: []step{{err: errLost, dossier: []events.Stored{own, stored(6, "D", "Condition/1")}}}, sends: 1, want: 5},
		"another record was changed":                {steps: []step{{err: errConflict, dossier: []events.Stored{other}}, {sequence: 9}}, sends: 2, want: 9},
		"this record was changed":                   {steps: []step{{err: errConflict, dossier: []events.Stored{other, same}}}, sends: 1, stale: 4},
		"in conflict with itself":                   {steps: []step{{err: errConflict, dossier: []events.Stored{other, own}}}, sends: 1, want: 5},
		"in conflict with what cannot be read yet":  {steps: []step{{err: errConflict}, {err: errConflict}, {sequence: 9}}, sends: 3, want: 9},
		"in conflict, cannot be read back":          {steps: []step{{err: errConflict, readErr: events.ErrOffline}}, sends: 1, err: events.ErrUnknownOutcome},
		"in conflict, lost, in conflict, and there": {steps: []step{{err: errConflict, dossier: []events.Stored{other}}, {err: errLost, dossier: []events.Stored{other}}, {err: errConflict, dossier: []events.Stored{other, own}}}, sends: 3, want: 5},
		"always lost":                               {steps: repeat(step{err: errLost}, 8), sends: 8, err: events.ErrUnknownOutcome},
		"always in conflict":                        {steps: repeat(step{err: errConflict}, 8), sends: 8, err: events.ErrUnknownOutcome},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it waits between attempts
				line := &script{t: t, steps: c.steps}
				got, err := writing.After(t.Context(), line, message("A", "Condition/1"), 2)
				var stale *events.StaleError
				switch {
				case c.stale != 0 && (!errors.As(err, &stale) || stale.Sequence != c.stale):
					t.Errorf("error %v, want that it is stale by %d", err, c.stale)
				case c.stale == 0 && (got != c.want || !errors.Is(err, c.err)):
					t.Errorf("%d, %v; want %d, %v", got, err, c.want, c.err)
				case errors.Is(err, events.ErrUnknownOutcome) && (errors.Is(err, events.ErrOffline) || errors.As(err, new(*events.RefusedError))):
					t.Errorf("error %v says two things", err)
				}
				if line.sent != c.sends {
					t.Errorf("it was sent %d times, want %d", line.sent, c.sends)
				}
			})
		})
	}
}

func repeat(s step, n int) []step {
	list := make([]step, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// A log that has grown is not its end any more, whatever the reader knows of it.
func TestAtEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, steps := range [][]step{{{err: errConflict}}, {{err: errLost}, {err: errConflict}}} {
			_, err := writing.AtEnd(t.Context(), &script{t: t, steps: steps}, message("A", "Condition/1"), 2)
			if !errors.Is(err, events.ErrNotAtEnd) || errors.Is(err, events.ErrUnknownOutcome) {
				t.Errorf("error %v, want that it is not the end", err)
			}
		}
	})
}

// Without an expectation the whole dossier is searched, from its beginning.
func TestAppendLooksEverywhere(t *testing.T) {
	line := &script{t: t, steps: []step{{err: errLost, dossier: []events.Stored{stored(1, "A", "Condition/1"), other}}}}
	if got, err := writing.Append(t.Context(), line, message("A", "Condition/1")); got != 1 || err != nil {
		t.Errorf("%d, %v; want 1", got, err)
	}
}

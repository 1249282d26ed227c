package writing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/carelog/carelog/events"
)

// Expectation is what must hold of the log for a message to be stored; nil expects nothing.
type Expectation struct {
	Dossier *uint64 // last sequence on the message's subject; 0: none yet
	Log     *uint64 // last sequence of the whole log
}

// ErrConflict says that an expectation did not hold: this message was not stored by this send.
var ErrConflict = errors.New("the log has changed meanwhile")

// Line carries messages to the log and reads a dossier back.
type Line interface {
	// Publish sends m once and never again. Its errors, and no others:
	// ErrConflict, events.ErrOffline (nothing was sent), events.ErrFull (nothing was
	// stored), *events.RefusedError, and events.ErrUnknownOutcome for all else.
	Publish(ctx context.Context, m events.Message, x Expectation) (sequence uint64, err error)
	// Subject reads the messages of one subject after a sequence, in order, from
	// the log's leader, and ends where the subject ends now.
	Subject(ctx context.Context, subject string, after uint64) iter.Seq2[events.Stored, error]
}

// attempts bounds how often one message is sent. Each further one follows a read
// that showed that it is not stored, so more than a few mean a log in turmoil.
const attempts = 8

// Append stores m, whatever the log holds.
//
// An unknown outcome is read back in the whole dossier, since nothing tells from
// where on the message could stand; and only where it is not there, it is sent again.
func Append(ctx context.Context, line Line, m events.Message) (uint64, error) {
	return send(ctx, line, m, 0, func(seen) (Expectation, error) { return Expectation{}, nil })
}

// After stores m if no other event of its record stands in its dossier after the
// sequence after. Changes of other records of the dossier do not matter.
func After(ctx context.Context, line Line, m events.Message, after uint64) (uint64, error) {
	return send(ctx, line, m, after, func(s seen) (Expectation, error) {
		if s.record != 0 {
			_, record := m.Peek()
			return Expectation{}, &events.StaleError{Record: record, Sequence: s.record}
		}
		return Expectation{Dossier: &s.last}, nil
	})
}

// AtEnd stores m if last is the last sequence of the whole log, else events.ErrNotAtEnd:
// whoever has read all of the log, and m is not in it, can so not store it twice.
func AtEnd(ctx context.Context, line Line, m events.Message, last uint64) (uint64, error) {
	return send(ctx, line, m, last, func(s seen) (Expectation, error) {
		if s.conflict {
			return Expectation{}, events.ErrNotAtEnd
		}
		return Expectation{Log: &last}, nil
	})
}

// seen is what stands in the dossier after the place where the reading began.
type seen struct {
	own      uint64 // sequence of the message itself; 0: it is not there
	record   uint64 // first other event of the same record
	last     uint64 // last of all
	conflict bool   // an expectation did not hold
}

// send sends m until its fate is known. next says what to expect, or why to give up,
// from what stands in the dossier after floor.
func send(ctx context.Context, line Line, m events.Message, floor uint64, next func(seen) (Expectation, error)) (uint64, error) {
	id, record := m.Peek()
	if id == "" {
		return 0, &events.RefusedError{Reason: "a message without an event id cannot be read back"}
	}
	s := seen{last: floor}
	var doubt error // why an earlier attempt may be stored after all
	for attempt := range attempts {
		x, err := next(s)
		if err != nil {
			return 0, fmt.Errorf("append event %s: %w", id, err)
		}
		sequence, err := line.Publish(ctx, m, x)
		switch {
		case err == nil:
			return sequence, nil
		case errors.Is(err, events.ErrUnknownOutcome):
			doubt = err
		case errors.Is(err, ErrConflict):
			s.conflict = true
		case doubt != nil:
			// This attempt certainly failed, but an earlier one may be on its way still.
			return 0, unknown(id, doubt, err)
		default:
			return 0, fmt.Errorf("append event %s: %w", id, err)
		}
		found, readErr := look(ctx, line, m.Subject, floor, id, record)
		if readErr != nil {
			return 0, unread(id, doubt, readErr)
		}
		if found.own != 0 {
			return found.own, nil
		}
		if err := pause(ctx, attempt, found.last > s.last); err != nil {
			return 0, unread(id, doubt, err)
		}
		found.conflict = s.conflict
		s = found
	}
	if doubt != nil {
		return 0, unknown(id, doubt, nil)
	}
	return 0, fmt.Errorf("append event %s: other writers were faster %d times: %w", id, attempts, events.ErrUnknownOutcome)
}

// pause waits before the next attempt, longer each time, unless the log has moved
// on: on a cluster another writer's message can be in the way and not yet readable.
func pause(ctx context.Context, attempt int, moved bool) error {
	if moved {
		return nil
	}
	timer := time.NewTimer(time.Millisecond << attempt)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// look reads what stands on the subject after floor.
func look(ctx context.Context, line Line, subject string, floor uint64, id, record string) (seen, error) {
	s := seen{last: floor}
	for stored, err := range line.Subject(ctx, subject, floor) {
		if err != nil {
			return seen{}, err
		}
		otherID, otherRecord := stored.Peek()
		switch {
		case otherID == id:
			s.own = stored.Sequence
			return s, nil
		case otherRecord == record && s.record == 0:
			s.record = stored.Sequence
		}
		s.last = stored.Sequence
	}
	return s, nil
}

// unread is the error where the dossier could not be read back. A conflict alone
// leaves no doubt about this message, but whether it stands there from an earlier
// call does: so the outcome is unknown in both cases.
func unread(id string, doubt, readErr error) error {
	if doubt == nil {
		return fmt.Errorf("append event %s: %w: the dossier cannot be read back: %v", id, events.ErrUnknownOutcome, readErr)
	}
	return unknown(id, doubt, readErr)
}

// unknown joins why the outcome is in doubt and why it stays so. The later error
// must not be taken for the outcome, so it is told but not wrapped.
func unknown(id string, doubt, later error) error {
	if later == nil {
		return fmt.Errorf("append event %s: %w", id, doubt)
	}
	return fmt.Errorf("append event %s: %w; then: %v", id, doubt, later)
}

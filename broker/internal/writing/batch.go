package writing

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/carelog/carelog/events"
)

// ErrDuplicate says that the server knows a message of the batch already: nothing
// was stored by this send.
var ErrDuplicate = errors.New("the log has one of these messages already")

// BatchLine carries batches as well.
type BatchLine interface {
	Line
	// PublishBatch sends a batch once and never again, and returns the sequence of its
	// last message. Errors as in Publish but for events.ErrFull, and ErrDuplicate; *events.BatchError around
	// *events.RefusedError where it is known whose fault it is.
	PublishBatch(ctx context.Context, list []events.Appending) (last uint64, err error)
	// End reads the last message of a subject from the log's leader; events.ErrNoMessage
	// where there is none.
	End(ctx context.Context, subject string) (events.Stored, error)
	// Span reads the log from one sequence to another, both included, and ends there, or
	// earlier where its leader has nothing more.
	Span(ctx context.Context, from, to uint64) iter.Seq2[events.Stored, error]
}

// Batch stores all of list or nothing, and returns the sequence of the first; the
// others follow without a gap. An unknown outcome is read back by the ids of all: what
// stands between the same two may have come in another batch.
func Batch(ctx context.Context, line BatchLine, list []events.Appending) (uint64, error) {
	if err := batchFault(list); err != nil {
		return 0, fmt.Errorf("append a batch of %d: %w", len(list), err)
	}
	if len(list) == 0 {
		return 0, nil
	}
	first, err := batch(ctx, line, list)
	if err != nil {
		return 0, fmt.Errorf("append a batch of %d: %w", len(list), err)
	}
	return first, nil
}

// batchFault finds what no server would have to be asked for.
func batchFault(list []events.Appending) error {
	if len(list) > events.MaxBatch {
		return &events.RefusedError{Reason: fmt.Sprintf("a batch has at most %d messages", events.MaxBatch)}
	}
	ids, subjects := make(map[string]struct{}, len(list)), make(map[string]struct{}, len(list))
	for i, a := range list {
		refuse := func(reason string) error {
			return &events.BatchError{Index: i, Err: &events.RefusedError{Reason: reason}}
		}
		id, _ := a.Message.Peek()
		if id == "" {
			return refuse("a message without an event id cannot be read back")
		}
		if _, twice := ids[id]; twice {
			return refuse("event " + id + " stands in the batch already")
		}
		ids[id] = struct{}{}
		if _, later := subjects[a.Message.Subject]; later && a.After != nil {
			return refuse("only the first message of a dossier says where the dossier ends")
		}
		subjects[a.Message.Subject] = struct{}{}
	}
	return nil
}

// batch sends until the fate of the batch is known.
func batch(ctx context.Context, line BatchLine, list []events.Appending) (uint64, error) {
	var doubt error // why an earlier attempt may be stored after all
	for attempt := range attempts {
		last, err := line.PublishBatch(ctx, list)
		overtaken := errors.Is(err, ErrConflict) || errors.Is(err, ErrDuplicate)
		switch {
		case err == nil:
			return last - uint64(len(list)) + 1, nil
		case errors.Is(err, events.ErrUnknownOutcome):
			doubt = err
		case overtaken:
		case doubt != nil:
			return 0, still(doubt, err)
		default:
			return 0, blamed(list, err)
		}
		first, readErr := lookForBatch(ctx, line, list)
		if first != 0 && readErr == nil {
			return first, nil
		}
		if readErr == nil && overtaken {
			readErr = lookForOthers(ctx, line, list)
			if errors.As(readErr, new(*events.StaleError)) {
				// What is in the way may be this batch, by an attempt that arrived since.
				if first, err := lookForBatch(ctx, line, list); first != 0 || err != nil {
					if err == nil {
						return first, nil
					}
					readErr = err
				}
			}
		}
		if stale := new(events.StaleError); errors.As(readErr, &stale) {
			return 0, readErr // and an attempt that is late is stale as well
		}
		if readErr == nil {
			readErr = pause(ctx, attempt, false)
		}
		switch {
		case readErr != nil && doubt == nil:
			return 0, fmt.Errorf("%w: the log cannot be read back: %v", events.ErrUnknownOutcome, readErr)
		case readErr != nil:
			return 0, still(doubt, readErr)
		}
	}
	if doubt == nil {
		return 0, fmt.Errorf("other writers were faster %d times: %w", attempts, events.ErrUnknownOutcome)
	}
	return 0, doubt
}

// blamed says that it was the only one of a batch of one.
func blamed(list []events.Appending, err error) error {
	var refused *events.RefusedError
	if len(list) == 1 && errors.As(err, &refused) && !errors.As(err, new(*events.BatchError)) {
		return &events.BatchError{Err: err}
	}
	return err
}

// still is a doubt that a later error has not ended.
func still(doubt, later error) error { return fmt.Errorf("%w; then: %v", doubt, later) }

// lookForBatch returns the sequence of the first message where the batch is stored, 0
// where it is not. A batch of which a part is there came in another one, with other
// company: that is *events.StaleError, since the writer has not read the log.
func lookForBatch(ctx context.Context, line BatchLine, list []events.Appending) (uint64, error) {
	m := list[0].Message
	id, record := m.Peek()
	s, err := look(ctx, line, m.Subject, after(list[0]), id, record)
	if err != nil || s.own == 0 {
		return 0, err
	}
	next := 0
	for stored, err := range line.Span(ctx, s.own, s.own+uint64(len(list))-1) {
		if err != nil {
			return 0, err
		}
		got, _ := stored.Peek()
		if want, _ := list[next].Message.Peek(); got != want || stored.Sequence != s.own+uint64(next) {
			break
		}
		if next++; next == len(list) {
			return s.own, nil
		}
	}
	return 0, &events.BatchError{Index: 0, Err: &events.StaleError{Record: record, Sequence: s.own}}
}

// lookForOthers finds what keeps the batch from being stored: the first dossier that
// does not end where the writer says, or that has one of the batch's own events. Nil
// where nothing is in the way any more.
func lookForOthers(ctx context.Context, line BatchLine, list []events.Appending) error {
	own := make(map[string]int, len(list))
	for i, a := range list {
		id, _ := a.Message.Peek()
		own[id] = i
	}
	seen := make(map[string]struct{})
	for i, a := range list {
		if _, again := seen[a.Message.Subject]; again {
			continue
		}
		seen[a.Message.Subject] = struct{}{}
		if a.After != nil {
			end, err := line.End(ctx, a.Message.Subject)
			if err != nil && !errors.Is(err, events.ErrNoMessage) {
				return err
			}
			if end.Sequence != *a.After {
				_, record := end.Peek()
				return &events.BatchError{Index: i, Err: &events.StaleError{Record: record, Sequence: end.Sequence}}
			}
			continue
		}
		for s, err := range line.Subject(ctx, a.Message.Subject, 0) {
			if err != nil {
				return err
			}
			id, record := s.Peek()
			if i, ok := own[id]; ok {
				return &events.BatchError{Index: i, Err: &events.StaleError{Record: record, Sequence: s.Sequence}}
			}
		}
	}
	return nil
}

// after is where an appending's dossier ends as its writer knows it.
func after(a events.Appending) uint64 {
	if a.After == nil {
		return 0
	}
	return *a.After
}

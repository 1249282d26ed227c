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

// late is a line whose batch is stored by an attempt that was given up, and can be read
// only from some read on: until then every send is in its way.
type late struct {
	batch []events.Appending
	first uint64 // sequence that the batch gets
	reads int    // so far
	shown int    // read from which on it is there
	sends int
}

func (l *late) log() (list []events.Stored) {
	if l.reads++; l.reads < l.shown {
		return nil
	}
	for i, a := range l.batch {
		list = append(list, events.Stored{Sequence: l.first + uint64(i), Message: a.Message})
	}
	return list
}

func (l *late) Publish(context.Context, events.Message, writing.Expectation) (uint64, error) {
	return 0, errors.New("it is a batch")
}

func (l *late) PublishBatch(context.Context, []events.Appending) (uint64, error) {
	if l.sends++; l.sends == 1 {
		return 0, errLost
	}
	return 0, errConflict
}

func (l *late) Subject(_ context.Context, subject string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range l.log() {
			if m.Subject == subject && m.Sequence > after && !yield(m, nil) {
				return
			}
		}
	}
}

func (l *late) End(ctx context.Context, subject string) (end events.Stored, err error) {
	for m := range l.Subject(ctx, subject, 0) {
		end = m
	}
	if end.Sequence == 0 {
		return end, events.ErrNoMessage
	}
	return end, nil
}

func (l *late) Span(_ context.Context, from, to uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range l.log() {
			if m.Sequence >= from && m.Sequence <= to && !yield(m, nil) {
				return
			}
		}
	}
}

// A batch that stands in the log after all is never called stale, whenever it appears.
func TestABatchIsNotInItsOwnWay(t *testing.T) {
	for _, expecting := range []bool{true, false} {
		for shown := 1; shown < 12; shown++ {
			t.Run(fmt.Sprint(expecting, shown), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // it waits between attempts
					var end uint64
					list := []events.Appending{{Message: message("A", "Condition/1")}, {Message: message("B", "Condition/2")}}
					list[1].Message.Subject = "carelog.p1.pat-2"
					if expecting {
						list[0].After, list[1].After = &end, &end
					}
					line := &late{batch: list, first: 5, shown: shown}
					if first, err := writing.Batch(t.Context(), line, list); first != 5 || err != nil {
						t.Errorf("%d, %v; want 5", first, err)
					}
				})
			})
		}
	}
}

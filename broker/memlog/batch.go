package memlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// AppendBatch is broker.Log.AppendBatch.
func (l *Log) AppendBatch(ctx context.Context, list []events.Appending) (first uint64, err error) {
	return writing.Batch(ctx, line{l}, list)
}

// Announce is broker.Log.Announce; nothing is sent before the end of a batch here.
func (l *Log) Announce([]events.Appending) {}

var _ writing.BatchLine = line{}

// End reads the last message of a subject.
func (l line) End(ctx context.Context, subject string) (events.Stored, error) {
	var stored events.Stored
	err := l.request(ctx, func() error {
		sequences := l.server.subjects[subject]
		if len(sequences) == 0 {
			return events.ErrNoMessage
		}
		stored = l.server.get(sequences[len(sequences)-1])
		return nil
	})
	if err != nil {
		return events.Stored{}, err
	}
	return stored, nil
}

// Span reads a part of the log.
func (l line) Span(ctx context.Context, from, to uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for ; from <= to; from++ {
			stored, err := l.Get(ctx, from)
			if errors.Is(err, events.ErrNoMessage) {
				return
			}
			if !yield(stored, err) || err != nil {
				return
			}
		}
	}
}

// PublishBatch sends a batch once. One of its messages that gets lost takes it with
// it, and so does a line that breaks before its end.
func (l line) PublishBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	if len(list) == 1 {
		return l.Publish(ctx, list[0].Message, writing.Expectation{Dossier: list[0].After})
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Message = copyOf(list[i].Message)
	}
	if l.breaksBeforeCommit() {
		return 0, fmt.Errorf("%w: %w", events.ErrUnknownOutcome, errDisconnected)
	}
	var last uint64
	err := l.submit(ctx, true, func() (err error) {
		last, err = l.server.storeBatch(list)
		return err
	})
	if err != nil {
		return 0, err
	}
	return last, nil
}

// CutBeforeCommit breaks the line at the end of the next batch: all that came before
// it has arrived, and counts for nothing.
func (l *Log) CutBeforeCommit() { l.change(func() { l.commit = true }) }

// breaksBeforeCommit breaks the line where that was asked for.
func (l *Log) breaksBeforeCommit() bool {
	breaks := false
	l.change(func() {
		if l.commit && l.session != nil {
			l.commit, l.cut, breaks = false, true, true
		}
	})
	return breaks
}

// storeBatch is what the real broker does with an atomic batch: it looks at each
// message, and stores all or none. Unlike with a single message, a duplicate is an
// error and is seen before an expectation is looked at. s.mu is held.
func (s *Server) storeBatch(list []events.Appending) (uint64, error) {
	size := 0
	for i, a := range list {
		if err := s.allowed(a.Message); err != nil {
			return 0, &events.BatchError{Index: i, Err: err}
		}
		if size += a.Message.Size(); size > events.MaxBatchBytes {
			return 0, &events.RefusedError{Reason: fmt.Sprintf("a batch has at most %d bytes", events.MaxBatchBytes)}
		}
	}
	now := time.Now().UTC()
	for _, a := range list {
		if s.duplicate(a.Message, now) != 0 {
			return 0, writing.ErrDuplicate
		}
		if end := s.end(a.Message.Subject); a.After != nil && *a.After != end {
			return 0, fmt.Errorf("%w: the dossier ends at %d", writing.ErrConflict, end)
		}
	}
	var last uint64
	for _, a := range list {
		last = s.add(a.Message)
	}
	return last, nil
}

package memlog

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// State asks for the log's identity, its ends and the server's clock.
func (l *Log) State(ctx context.Context) (events.LogState, error) {
	var state events.LogState
	err := l.request(ctx, func() error {
		s := l.server
		state = events.LogState{Identity: s.identity(), First: 1, Last: s.last(), Now: time.Now().UTC()}
		return nil
	})
	if err != nil {
		return events.LogState{}, fmt.Errorf("ask for the state of the log: %w", err)
	}
	return state, nil
}

// Append is broker.Log.Append.
func (l *Log) Append(ctx context.Context, m events.Message) (uint64, error) {
	return writing.Append(ctx, line{l}, m)
}

// AppendAfter is broker.Log.AppendAfter.
func (l *Log) AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error) {
	return writing.After(ctx, line{l}, m, after)
}

// AppendAtEnd is broker.Log.AppendAtEnd.
func (l *Log) AppendAtEnd(ctx context.Context, m events.Message, last uint64) (uint64, error) {
	return writing.AtEnd(ctx, line{l}, m, last)
}

// Get reads one message; events.ErrNoMessage where there is none.
func (l *Log) Get(ctx context.Context, sequence uint64) (events.Stored, error) {
	var stored events.Stored
	err := l.request(ctx, func() error {
		if sequence == 0 || sequence > l.server.last() {
			return events.ErrNoMessage
		}
		stored = l.server.get(sequence)
		return nil
	})
	if err != nil {
		return events.Stored{}, fmt.Errorf("read message %d of the log: %w", sequence, err)
	}
	return stored, nil
}

// Dossier reads the messages of one patient after a sequence, to their end.
func (l *Log) Dossier(ctx context.Context, patient string, after uint64) iter.Seq2[events.Stored, error] {
	return line{l}.Subject(ctx, events.Subject(l.server.practice, patient), after)
}

// Read is broker.Log.Read.
func (l *Log) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		r := reader{log: l, next: max(from, 1)}
		for {
			stored, err := r.wait(ctx)
			if err != nil {
				yield(events.Stored{}, fmt.Errorf("read the log from %d: %w", r.next, err))
				return
			}
			r.next, r.last = r.next+1, stored.Time
			if !yield(stored, nil) {
				return
			}
		}
	}
}

// reader is one Read under way. As the real one it compares the log with what it
// has read whenever it has a new connection.
type reader struct {
	log      *Log
	next     uint64
	last     time.Time // when the message before it was stored; zero before the first
	identity string
	session  chan struct{}
}

// wait returns the next message as soon as it is there and has had its time to travel.
func (r *reader) wait(ctx context.Context) (events.Stored, error) {
	s := r.log.server
	for {
		if err := ctx.Err(); err != nil {
			return events.Stored{}, err
		}
		s.mu.Lock()
		stored, wait, err := r.look()
		changed := s.changed
		s.mu.Unlock()
		if err != nil {
			return events.Stored{}, err
		}
		if stored.Sequence != 0 && wait <= 0 {
			return stored, nil
		}
		var travel <-chan time.Time
		if stored.Sequence != 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			travel = timer.C
		}
		select {
		case <-travel:
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// look returns the next message, if the line brings it, and how long it still
// travels; server.mu is held.
func (r *reader) look() (stored events.Stored, wait time.Duration, err error) {
	l, s := r.log, r.log.server
	switch {
	case l.closed:
		return stored, 0, fmt.Errorf("%w: the log is closed here", events.ErrOffline)
	case l.session == nil || l.incoming || l.outgoing:
		return stored, 0, nil
	case l.session != r.session:
		if r.identity == "" {
			r.identity = s.identity()
		}
		if r.identity != s.identity() {
			return stored, 0, fmt.Errorf("%w: its identity was %q and is now %q", events.ErrInconsistent, r.identity, s.identity())
		}
		if s.last()+1 < r.next {
			return stored, 0, fmt.Errorf("%w: it ends at %d", events.ErrInconsistent, s.last())
		}
		if !r.last.IsZero() && !s.messages[r.next-2].Time.Equal(r.last) {
			return stored, 0, fmt.Errorf("%w: it has not the message at %d that was read", events.ErrInconsistent, r.next-1)
		}
		r.session = l.session
	}
	if r.next > s.last() {
		return stored, 0, nil
	}
	stored = s.get(r.next)
	return stored, time.Until(stored.Time.Add(l.delay)), nil
}

// line is the log as package writing sees it.
type line struct{ *Log }

// Publish sends m once.
func (l line) Publish(ctx context.Context, m events.Message, x writing.Expectation) (uint64, error) {
	var sequence uint64
	m = copyOf(m)
	err := l.submit(ctx, true, func() (err error) {
		sequence, err = l.server.store(m, x)
		return err
	})
	if err != nil {
		return 0, err
	}
	return sequence, nil
}

// Subject reads one subject after a sequence.
func (l line) Subject(ctx context.Context, subject string, after uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		var list []events.Stored
		err := l.request(ctx, func() error {
			list = l.server.subject(subject, after)
			return nil
		})
		if err != nil {
			yield(events.Stored{}, fmt.Errorf("read %s after %d: %w", subject, after, err))
			return
		}
		for _, stored := range list {
			if !yield(stored, nil) {
				return
			}
		}
	}
}

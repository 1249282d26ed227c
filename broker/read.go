package broker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
)

// Read reads the log from a sequence on (0 and 1: from its beginning), in order,
// and goes on live: at the end it waits for more. No message that the server has
// is passed over; a sequence that the server itself has lost is, once the leader
// has confirmed it, since nobody would ever read on otherwise, and the position's
// hash tells the difference.
//
// It lives through lost connections and restarts of the broker. It ends when the
// loop is left or ctx ends (with ctx's error), and with events.ErrInconsistent when the
// server's log is another one or ends before the place it had reached; with
// *events.RefusedError when this device may not read; with events.ErrOffline when
// the Log is closed.
func (l *Log) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		r := reader{log: l, next: max(from, 1), yield: yield}
		if err := r.run(ctx); err != nil {
			yield(events.Stored{}, fmt.Errorf("read the log from %d: %w", r.next, err))
		}
	}
}

// reader is one Read under way.
type reader struct {
	log      *Log
	next     uint64        // the sequence to be given next
	last     events.Stored // what was given last, without its message
	identity string        // of the log; "" until it is known
	yield    func(events.Stored, error) bool
	stopped  bool // yield wants no more
}

// run reads session after session. What passes is waited for; nil when stopped.
func (r *reader) run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		before := r.next
		session, err := r.log.link.wait(ctx)
		if err != nil {
			return err
		}
		err = r.session(ctx, session)
		var refused *events.RefusedError
		switch {
		case r.stopped:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, events.ErrInconsistent), errors.As(err, &refused):
			return err
		}
		if r.next > before {
			failures = 0
		}
		r.log.logger.Warn("reading the log was interrupted", slog.Uint64("sequence", r.next), slog.Any("error", err))
		if err := sleep(ctx, retryDelay(failures)); err != nil {
			return err
		}
	}
}

// check compares the log with what was read of it so far.
func (r *reader) check(ctx context.Context) error {
	state, err := r.log.State(ctx)
	if err != nil {
		return err
	}
	if r.identity == "" {
		r.identity = state.Identity
	}
	switch {
	case r.identity != state.Identity:
		return fmt.Errorf("%w: its identity was %q and is now %q", events.ErrInconsistent, r.identity, state.Identity)
	case state.Last+1 < r.next:
		return fmt.Errorf("%w: it ends at %d", events.ErrInconsistent, state.Last)
	case r.last.Sequence == 0:
		return nil
	}
	// A log that was restored may have grown again past the place that was reached. It
	// is the same only where the last message was stored when it was.
	s, err := r.log.Get(ctx, r.last.Sequence)
	switch {
	case err == nil && s.Time.Equal(r.last.Time):
		return nil
	case err == nil, errors.Is(err, events.ErrNoMessage):
		return fmt.Errorf("%w: it has not the message at %d that was read", events.ErrInconsistent, r.last.Sequence)
	}
	return err
}

// session reads as long as one connection lasts. The log is compared while the consumer is made and the broker looks for its
// first message, which is given only when that was done.
func (r *reader) session(ctx, session context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	var checking sync.WaitGroup
	checking.Go(func() {
		if err := r.check(ctx); err != nil {
			end(err)
		}
	})
	defer checking.Wait() // after end, as deferred calls go backwards
	defer end(nil)
	d := delivery{stream: streamRecords, subject: events.Subjects(r.log.practice), from: r.next, mass: true}
	return r.log.consume(ctx, session, d, func(s events.Stored) (bool, error) {
		if checking.Wait(); ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if s.Sequence != r.next {
			if err := r.confirm(ctx, s.Sequence); err != nil {
				return false, err
			}
		}
		if !r.yield(s, nil) {
			r.stopped = true
			return false, nil
		}
		r.next, r.last = s.Sequence+1, events.Stored{Sequence: s.Sequence, Time: s.Time}
		return true, nil
	})
}

// confirm asks the leader whether really nothing stands between next and sequence.
func (r *reader) confirm(ctx context.Context, sequence uint64) error {
	s, err := r.log.get(ctx, streamRecords, getRequest{Sequence: r.next, NextFor: events.Subjects(r.log.practice)})
	if err != nil {
		return err
	}
	if s.Sequence != sequence {
		return fmt.Errorf("message %d was delivered and %d is missing", sequence, s.Sequence)
	}
	r.log.logger.Error("the server's log has a hole", slog.Uint64("from", r.next), slog.Uint64("to", sequence-1))
	return nil
}

// patience is how long a bounded read waits for a message that must be there
// before it asks the leader again.
const patience = time.Second

// span reads a subject (wildcards allowed) of a stream from where a delivery begins to a
// sequence, both included, and ends there, or earlier where the leader has nothing more.
// Where the last one is known to be there, nothing is asked for before the delivery begins.
func (l *Log) span(ctx context.Context, d delivery, to uint64, there bool) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		stopped, next := false, d.from
		if d.patience == 0 {
			d.patience = patience
		}
		each := func(s events.Stored) (bool, error) {
			if stopped = !yield(s, nil); stopped {
				return false, nil
			}
			next = s.Sequence + 1
			return next <= to, nil
		}
		for failures := 0; next <= to; failures++ {
			before := next
			var err error
			if !there || failures > 0 {
				_, err = l.get(ctx, d.stream, getRequest{Sequence: next, NextFor: d.subject})
			}
			if errors.Is(err, events.ErrNoMessage) {
				return
			}
			if err == nil {
				session := l.link.current()
				if session == nil {
					err = events.ErrOffline
				} else {
					d.from = next
					err = l.consume(ctx, session, d, each)
				}
			}
			if next > before {
				failures = 0
			}
			switch {
			case stopped:
				return
			case err == nil || errors.Is(err, errIdle) && failures < 3:
			default:
				yield(events.Stored{}, err)
				return
			}
		}
	}
}

// retryDelay grows from 50 ms to 2 s.
func retryDelay(failures int) time.Duration {
	return min(2*time.Second, 50*time.Millisecond<<min(failures, 10))
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

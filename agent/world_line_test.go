package agent_test

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// trickle is a line that brings so many messages of the log, and no more.
type trickle struct {
	*memlog.Log
	left *atomic.Int64
}

func (l trickle) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for stored, err := range l.Log.Read(ctx, from) {
			if err == nil && l.left.Add(-1) < 0 {
				<-ctx.Done()
				err = ctx.Err()
			}
			if !yield(stored, err) || err != nil {
				return
			}
		}
	}
}

// keyless is a line on which no key can be asked for.
type keyless struct {
	*memlog.Log
	cut *atomic.Bool
}

func (l keyless) Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	if l.cut.Load() {
		return events.WrappedKey{}, events.ErrOffline
	}
	return l.Log.Key(ctx, patient, id)
}

// late is a line on which the log and a dossier each take their time to begin.
type late struct {
	*memlog.Log
	log, dossier time.Duration
}

func (l late) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return after(ctx, l.log, l.Log.Read(ctx, from))
}

func (l late) Dossier(ctx context.Context, patient string, from uint64) iter.Seq2[events.Stored, error] {
	return after(ctx, l.dossier, l.Log.Dossier(ctx, patient, from))
}

func after(ctx context.Context, wait time.Duration, messages iter.Seq2[events.Stored, error]) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		begins := time.NewTimer(wait)
		defer begins.Stop()
		select {
		case <-begins.C:
			messages(yield)
		case <-ctx.Done():
			yield(events.Stored{}, context.Cause(ctx))
		}
	}
}

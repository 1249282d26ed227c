package agent_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// counting is a line that counts how often the log is read from its first message on.
type counting struct {
	*memlog.Log
	reads *atomic.Int64
}

func (l counting) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	if from == 1 {
		l.reads.Add(1)
	}
	return l.Log.Read(ctx, from)
}

// quarrel is a line on which another device says again and again that it has read something
// else, always up to another place.
type quarrel struct {
	counting
	other *machine
	said  *atomic.Uint64
}

func (l quarrel) Positions(ctx context.Context) ([]events.SignedPosition, error) {
	state, err := l.State(ctx)
	if err != nil {
		return nil, err
	}
	e := l.other.Config.Enrolment
	word := events.SignedPosition{
		Position: events.Position{Sequence: 1 + l.said.Add(1)%state.Last, Hash: events.Digest{1}},
		Practice: e.Practice, Device: e.Device, Stream: state.Identity,
	}
	word.Sign(e.SigningKey())
	return []events.SignedPosition{word}, nil
}

// Two desks that differ for good are never green, and do not read the log again for every newer
// word of the other, but from time to time.
func TestScenario_TheyDifferForGood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(8)
		w.settled()
		one.stop()
		var reads atomic.Int64
		var said atomic.Uint64
		one.wrap = func(l *memlog.Log) agent.Log { return quarrel{counting{l, &reads}, two, &said} }
		one.start()
		for again, wait := range []time.Duration{30 * time.Minute, 40 * time.Minute} {
			time.Sleep(wait)
			if n := reads.Load(); n != int64(again+1) {
				t.Errorf("after %v more the log was read again %d times, want %d", wait, n, again+1)
			}
			if s := one.Now(); s.Color == light.Online || !one.warned("positions-differ") {
				t.Errorf("the light is %s, and warnings are %v", s.Color, s.Warnings)
			}
		}
	})
}

// lagging is a line to a server that says, when it is told to, once that its log ends earlier
// than it does.
type lagging struct {
	counting
	lags *atomic.Bool
}

func (l lagging) State(ctx context.Context) (events.LogState, error) {
	state, err := l.Log.State(ctx)
	if err == nil && l.lags.CompareAndSwap(true, false) {
		state.Last--
	}
	return state, err
}

// A leader of a cluster may lag for a moment. The next session asks again, and no desk reads all
// of the log for it.
func TestScenario_TheServerLags(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		ids := one.notes(8)
		w.settled()
		one.stop()
		var reads atomic.Int64
		var lags atomic.Bool
		one.wrap = func(l *memlog.Log) agent.Log { return lagging{counting{l, &reads}, &lags} }
		one.start()
		w.settled()
		lags.Store(true)
		time.Sleep(time.Minute)
		if lags.Load() {
			t.Fatal("nobody has asked")
		}
		w.settled()
		if n := reads.Load(); n > 0 || one.warned("server-lost") {
			t.Errorf("the log was read again %d times, warnings are %v", n, one.Now().Warnings)
		}
		w.once(ids...)
		w.agreed()
	})
}

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

// A desk that is switched off has said of a log which the server lost and was given back in another
// order how far it had read. Who had read the same then knows that nothing of it is missing now, and is
// green, also after a restart; who was not there is green once the desk has connected.
func TestScenario_AnOldWordOfALogThatWasHealed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		ids := one.notes(3)
		w.settled()
		time.Sleep(time.Minute) // and both have said so
		words, err := w.server.Client("listener").Positions(t.Context())
		if err != nil || len(words) != 2 {
			t.Fatalf("%v, %v: want the words of two desks", words, err)
		}
		two.stop()
		one.fault((*memlog.Log).Cut)
		one.AwaitOffline()
		log, keys := w.server.Stored(), w.keeps()
		w.server.RollBack(2)
		time.Sleep(time.Hour)
		w.put(log[3], log[2], log[4])
		keys()
		for _, word := range words { // which are kept in another place than the log
			if err := w.server.Client(word.Device).PutPosition(t.Context(), word); err != nil {
				t.Fatal(err)
			}
		}
		one.mend()
		w.settled()
		w.once(ids...)
		one.stop()
		one.start()
		w.settled()
		if one.warned("positions-differ") {
			t.Errorf("desk one warns of %v", one.Now().Warnings)
		}
		three := w.desk("three")
		time.Sleep(time.Minute)
		if s := three.Now(); s.Color == light.Online || !three.warned("positions-differ") {
			t.Errorf("a desk that cannot know it is %s, warnings %v", s.Color, s.Warnings)
		}
		two.start()
		w.settled()
		if n := len(w.server.Stored()); n != len(log)+1 {
			t.Errorf("the log has %d messages, want %d", n, len(log)+1)
		}
	})
}

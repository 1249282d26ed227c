package agent_test

import (
	"context"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
)

// A clock that is set back makes no old proof a new one.
func TestAnOldProofIsNoneAlsoWhereTheClockIsSetBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, reads := w.stalled("one")
		reads.Store(1 << 30)
		one.start()
		two := w.desk("two")
		w.settled()
		one.skew.Store(-int64(time.Hour))
		reads.Store(0)
		two.MustNote("c1", "asthma")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := one.Prove(ctx); err == nil {
			t.Errorf("proved, with %v of what two wrote", one.Texts("c1"))
		}
		reads.Store(1 << 30)
		w.settled()
	})
}

// Nor does it keep whoever waits for a proof waiting until the clock is where it was.
func TestTheClockIsSetBackWhileAProofIsAwaited(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.once(func(l *memlog.Log) { l.Delay(time.Second) })
		time.Sleep(worldInterval + time.Second) // a proof is under way, which is too early
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		proved := make(chan error, 1)
		go func() { proved <- one.Prove(ctx) }()
		time.Sleep(time.Millisecond)
		one.skew.Store(-int64(time.Hour))
		if err := <-proved; err != nil {
			t.Error(err)
		}
	})
}

// A desk that does not get what the server has is not green for long.
func TestTheLightBlinksWhereNothingIsRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, reads := w.stalled("one")
		reads.Store(1 << 30)
		one.start()
		two := w.desk("two")
		w.settled()
		reads.Store(0)
		two.MustNote("c1", "asthma")
		time.Sleep(2*worldInterval + time.Second)
		if s := one.Now(); s.Color == light.Online {
			t.Errorf("the light is green (%s) at %d of %d", s.Reason, s.Position.Sequence, s.Server.Sequence)
		}
		reads.Store(1 << 30)
		w.settled()
	})
}

package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent/light"
)

// unread is a level desk to which the read does not bring what a colleague wrote, until goOn.
func (w *world) unread() (one *machine, goOn func()) {
	one, reads := w.stalled("one")
	goOn = func() { reads.Store(1 << 30) }
	goOn()
	one.start()
	two := w.desk("two")
	w.settled()
	reads.Store(0)
	two.MustNote("c1", "asthma")
	return one, goOn
}

// A clock that is set back makes no old proof a new one.
func TestAnOldProofIsNoneAlsoWhereTheClockIsSetBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, goOn := w.unread()
		one.skew.Store(-int64(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := one.Prove(ctx); err == nil {
			t.Errorf("proved, with %v of what two wrote", one.Texts("c1"))
		}
		goOn()
		w.settled()
	})
}

// Nor does it keep whoever waits for a proof waiting until the clock is where it was.
func TestTheClockIsSetBackWhileAProofIsAwaited(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, goOn := w.unread()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		proved := make(chan error, 1)
		go func() { proved <- one.Prove(ctx) }()
		synctest.Wait() // it was asked for, and cannot be given yet
		one.skew.Store(-int64(time.Hour))
		goOn()
		if err := <-proved; err != nil {
			t.Error(err)
		}
	})
}

// A desk that does not get what the server has is not green for long.
func TestTheLightBlinksWhereNothingIsRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, goOn := w.unread()
		time.Sleep(2*worldInterval + time.Second) // in virtual time, as all of a world
		if s := one.Now(); s.Color == light.Online {
			t.Errorf("the light is green (%s) at %d of %d", s.Reason, s.Position.Sequence, s.Server.Sequence)
		}
		goOn()
		w.settled()
	})
}

// A start looks once at all devices that it knows, beside the first proof. The light does not wait
// for the next one after that, which is an interval later.
func TestAStartIsGreenAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		two.notes(10)
		w.settled()
		for range 10 {
			one.stop()
			one.start()
			synctest.Wait() // nothing is left but to wait for the clock
			if s := one.Now(); s.Color != light.Online {
				t.Fatalf("the light waits for the clock: %s (%s)", s.Color, s.Reason)
			}
		}
	})
}

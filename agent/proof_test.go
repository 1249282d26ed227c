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

// After a start the devices are judged once more: the light waits for that, and not for the next
// time that it is looked at.
func TestALogInIsOverWhenAllIsJudged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		for _, name := range []string{"two", "three", "four"} {
			w.desk(name).MustNote("c-"+name, "asthma")
		}
		w.settled()
		for range 10 {
			one.stop()
			began := time.Now()
			one.start()
			if err := one.Prove(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took >= worldInterval {
				t.Errorf("the light was green after %v: %s", took, one.Now().Reason)
			}
		}
	})
}

package agent_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// forged is a copy of a message of the log under another id, changed and signed by nobody.
func (w *world) forged(of string, change func(*events.Event)) events.Stored {
	w.t.Helper()
	for _, m := range w.server.Stored() {
		e, err := events.Decode(m.Message)
		if err != nil || e.Device != of || e.Record.Type == "Device" {
			continue
		}
		e.ID[15]++
		change(e)
		m, err := events.Encode(e)
		if err != nil {
			w.t.Fatal(err)
		}
		return events.Stored{Message: m}
	}
	w.t.Fatal("device " + of + " has written nothing")
	return events.Stored{}
}

// One message in a name that no PC has keeps no light from green for ever: the name is revoked as one
// that is unknown, and what stands in it stays in doubt.
func TestANameThatNoPCHas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(2)
		w.settled()
		if _, err := one.RevokeName(t.Context(), "two", "dr-one"); !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("a desk of the practice is an unknown name: %v", err)
		}
		w.put(w.forged("one", func(e *events.Event) { e.Device = "ghost" }))
		w.await(t, "what is left out", func() bool { return one.warned(agent.WarnLeftOut) && two.warned(agent.WarnLeftOut) })
		if s := one.Now(); s.Color != light.Synchronising {
			t.Errorf("the light is %s (%s)", s.Color, s.Reason)
		}
		if _, _, err := one.RevokeDevice(t.Context(), "ghost", "dr-one"); err == nil || !strings.Contains(err.Error(), "--unknown") {
			t.Errorf("revoked without a word that it is unknown: %v", err)
		}
		if _, err := one.RevokeName(t.Context(), "ghost", "dr-one"); err != nil {
			t.Fatal(err)
		}
		check := func(m *machine) {
			t.Helper()
			m.AwaitGreen()
			if m.warned(agent.WarnLeftOut) || m.Now().Doubts[projections.DoubtSignature] != 1 {
				t.Errorf("desk %s warns or does not doubt: %v", m.Name, m.Now().Doubts)
			}
		}
		check(one) // nothing else happens that would let them look again
		check(two)
		check(w.fresh("three"))
	})
}

// What a newer carelog made is counted and said, and stops nothing.
func TestAnEventOfANewerCarelog(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(2)
		w.settled()
		w.put(w.forged("one", func(e *events.Event) {
			e.Type, e.ContentType, e.Sealed = "carelog.record.merged.v2", "", nil
			e.Sign(ed25519.NewKeyFromSeed(one.Config.Enrolment.SigningSeed))
		}))
		w.await(t, "the warning", func() bool { return two.warned(agent.WarnNewer) })
		time.Sleep(time.Minute)
		if s := two.Now(); s.Color != light.Online || s.Doubts[projections.DoubtUnknownType] != 1 {
			t.Errorf("the light is %s (%s), in doubt: %v", s.Color, s.Reason, s.Doubts)
		}
	})
}

// The server takes a new desk's key of the practice's own records late: its certificate opens then, and
// all that it wrote is shown everywhere.
func TestTheKeyOfACertificateIsTakenLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var refuses atomic.Bool
		refuses.Store(true)
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return barred{l, "", &refuses} }
		one.start()
		two := w.desk("two")
		w.await(t, "what is left out", func() bool { return two.warned(agent.WarnLeftOut) })
		notes := one.notes(3)
		time.Sleep(time.Minute)
		refuses.Store(false)
		time.Sleep(2 * time.Minute)
		w.settled()
		two.trusts(notes...)
		if two.warned(agent.WarnLeftOut) {
			t.Error("the warning stays")
		}
	})
}

// An enrolment that nobody has used can be shut out; the PC that comes with it all the same counts
// nowhere, and learns it.
func TestAnEnrolmentIsShutOutBeforeItIsUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		w.settled()
		if _, _, err := one.RevokeDevice(t.Context(), "lost", "dr-one"); !errors.Is(err, agent.ErrNameUnused) {
			t.Errorf("a desk that never was: %v, want ErrNameUnused", err)
		}
		if _, err := one.RevokeName(t.Context(), "lost", "dr-one"); err != nil {
			t.Fatal(err)
		}
		w.settled()
		lost := w.desk("lost")
		w.await(t, "the PC is told", func() bool { return strings.Contains(lost.Now().Reason, "revoked") })
		lost.stop()
		for _, m := range []*machine{one, two} {
			m.AwaitGreen()
			if m.warned(agent.WarnLeftOut) {
				t.Errorf("desk %s waits for what was shut out", m.Name)
			}
		}
	})
}

// What a revocation lets stand must be here when it is made.
func TestARevocationNeedsTheServer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		w.settled()
		two.stop()
		if err := one.WorkOffline(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := one.RevokeDevice(t.Context(), "two", "dr-one"); !errors.Is(err, events.ErrOffline) {
			t.Errorf("revoked offline: %v, want ErrOffline", err)
		}
		if err := one.WorkOnline(t.Context()); err != nil {
			t.Fatal(err)
		}
		one.AwaitGreen()
		if _, _, err := one.RevokeDevice(t.Context(), "two", "dr-one"); err != nil {
			t.Error(err)
		}
	})
}

package agent_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/audit"
)

// revoked lets another desk revoke one that is stopped then for good.
func (w *world) revoked(one, by *machine) {
	w.t.Helper()
	if _, _, err := by.RevokeDevice(w.t.Context(), one.Config.Enrolment.Device, "dr-"+by.Name); err != nil {
		w.t.Fatal(err)
	}
	by.AwaitGreen()
	one.stop()
	w.desks = w.desks[1:]
	w.settled()
}

// What a desk had sent is lost, the end of it too, and given back behind its revocation: every desk shows
// it, the one that was there, one that comes later, one that begins with a snapshot, and after a start; and the audit
// finds nothing. A thief who has the desk's key gets nothing in.
func TestWhatARevokedDeskHadSentIsGivenBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		notes := one.notes(20)
		notes = append(notes, two.notes(5)...)
		w.settled()
		w.revoked(one, two)
		keys := w.keeps()
		lost := w.away(func(m events.Stored) bool {
			e, err := events.Decode(m.Message)
			return err == nil && e.Device == "one" && e.Chain.Counter > 5
		})
		keys()
		w.put(lost...)

		three := w.desk("three")
		w.settled()
		three.trusts(notes...)
		three.kill()
		three.start()
		two.start()
		w.settled()
		three.trusts(notes...)
		two.trusts(notes...)
		if _, err := three.MakeSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		four := w.machine("four").snapshots(1)
		four.start()
		w.settled()
		four.trusts(notes...)
		if diff := cmp.Diff(comparable(t, w.fresh("five").Store()), comparable(t, four.Store())); diff != "" {
			t.Errorf("a desk that began with a snapshot differs (-want +got):\n%s", diff)
		}
		clean(t, w.server.Stored(), w.keys(), audit.ChainOrder)

		sign := func(e *events.Event) { e.Sign(ed25519.NewKeyFromSeed(one.Config.Enrolment.SigningSeed)) }
		last, err := events.Decode(lost[len(lost)-1].Message)
		if err != nil {
			t.Fatal(err)
		}
		w.put(w.forged("one", sign), // beside what was sent
			w.forged("one", func(e *events.Event) { e.ID[14]++; e.Chain = last.Follows(); sign(e) }), // after all of it
			w.forged("one", func(e *events.Event) { // in place of what the revocation names
				e.ID[13]++
				e.Type, e.ContentType, e.Sealed, e.Parents = events.SetAside, "", nil, nil
				e.Chain.Counter, e.Replaces = last.Chain.Counter, last.Link()
				sign(e)
			}))
		w.settled()
		w.fresh("six")
		for _, m := range w.desks {
			if n := m.Now().Doubts[projections.DoubtRevoked]; n != 3 {
				t.Errorf("desk %s doubts %d events as sent after the revocation, want what the thief made up: %v", m.Name, n, m.Now().Doubts)
			}
		}
	})
}

// keys are those by which the audit judges the practice's log.
func (w *world) keys() audit.Keys {
	return audit.Keys{Practice: w.sheet.Practice, Root: w.desks[0].Config.Enrolment.Root, Open: w.ring().Open}
}

// On the broker's disk, as it happens.
func TestTheBrokersDiskLosesWhatARevokedDeskSent(t *testing.T) {
	p := newPractice(t)
	p.interval = seldom
	one, two := p.desk("one"), p.desk("two")
	want := p.large(one, two)
	_, w, err := two.RevokeDevice(t.Context(), one.Config.Enrolment.Device, "dr-two")
	if err != nil {
		t.Fatal(err)
	}
	two.AwaitVersion(events.Record{Type: "Device", ID: one.Config.Enrolment.Device}, w.ID)
	two.AwaitGreen()
	one.Stop()
	p.broker.DamageLog(.3, .4)
	p.whole(want, two)
	p.healed(want, two, p.desk("three"))
	two.Restart()
	p.healed(want, two)
}

// What nothing vouches for, since a change of the revoked desk is lost for good, is said and stops no light.
func TestARevokedDesksChainHasAHole(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.notes(6)
		w.settled()
		w.revoked(one, two)
		keys := w.keeps()
		lost := w.away(func(m events.Stored) bool {
			e, err := events.Decode(m.Message)
			return err == nil && e.Device == "one" && e.Chain.Counter > 3
		})
		keys()
		w.put(lost[:2]...) // and not what vouches for them
		three := w.desk("three")
		w.await(t, "the warning", func() bool { return three.warned("events-unreached") })
		time.Sleep(time.Minute)
		if s := three.Now(); s.Color != light.Online || s.Doubts[projections.DoubtRevoked] != 2 {
			t.Errorf("the light is %s (%s), in doubt: %v", s.Color, s.Reason, s.Doubts)
		}
		w.put(lost[2:]...)
		w.settled()
		three.trusts()
		if three.warned("events-unreached") {
			t.Error("the warning stays")
		}
	})
}

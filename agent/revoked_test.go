package agent_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
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
		lost := w.away(ofDevice("one", 6, math.MaxUint64))
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
func TestTheBrokersDiskLosesWhatARevokedDeskSentToALargeLog(t *testing.T) {
	largetest.Unwatched(t)
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
		lost := w.away(ofDevice("one", 4, math.MaxUint64))
		keys()
		w.put(lost[:2]...) // and not what vouches for them
		three := w.desk("three")
		w.await(t, "the warning", func() bool { return three.warned(agent.WarnUnreached) })
		time.Sleep(time.Minute)
		if s := three.Now(); s.Color != light.Online || s.Doubts[projections.DoubtRevoked] != 2 {
			t.Errorf("the light is %s (%s), in doubt: %v", s.Color, s.Reason, s.Doubts)
		}
		// It is acknowledged once, for every desk, and for as long as it is of these.
		four := w.desk("four")
		w.await(t, "the warning there", func() bool { return four.warned(agent.WarnUnreached) })
		if _, err := three.Acknowledge(t.Context(), agent.WarnUnreached, three.warning(agent.WarnUnreached).Fact, "dr-jansen", "one is gone; registered anew"); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*machine{three, four} {
			w.await(t, "that it is acknowledged at "+m.Name, func() bool { return !m.warned(agent.WarnUnreached) && len(m.Now().Acknowledged) > 0 })
		}
		w.put(lost[2])
		w.await(t, "the warning of one more", func() bool { return three.warned(agent.WarnUnreached) && four.warned(agent.WarnUnreached) })
		w.put(lost[3:]...)
		w.settled()
		three.trusts()
		if three.warned(agent.WarnUnreached) {
			t.Error("the warning stays")
		}
	})
}

// The server comes back from a copy that is older than a revocation, and the revoked desk is there first: what it had queued counts
// at every desk, and each says so: the one that knew, which gives the revocation back, one that comes later, and after a start. So does the
// audit. What it sends after that is in doubt.
func TestARevocationIsLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		notes := one.notes(5)
		w.settled()
		one.offline()
		notes = append(notes, one.notes(3)...)
		backup := uint64(len(w.server.Stored()))
		if _, _, err := two.RevokeDevice(t.Context(), "one", "dr-two"); err != nil {
			t.Fatal(err)
		}
		two.AwaitGreen()
		if two.warned(agent.WarnRevocationLate) {
			t.Error("what nobody has sent is said")
		}
		two.stop()
		w.server.RollBack(backup)
		one.online()
		one.AwaitGreen()
		one.stop()
		w.desks = w.desks[1:]

		two.start()
		w.settled()
		three := w.fresh("three")
		three.kill()
		three.start()
		w.settled()
		for _, m := range w.desks {
			m.trusts(notes...)
			if got := m.late(); got != 3 {
				t.Errorf("desk %s says that %d changes were sent after the revocation was made, want 3", m.Name, got)
			}
		}
		lateInAudit(t, w.server.Stored(), w.keys(), 3)
		w.put(w.forged("one", func(e *events.Event) { e.Sign(ed25519.NewKeyFromSeed(one.Config.Enrolment.SigningSeed)) }))
		w.settled()
		for _, m := range w.desks {
			if n := m.Now().Doubts[projections.DoubtRevoked]; n != 1 || m.late() != 3 {
				t.Errorf("desk %s doubts %d events as sent after the revocation, want 1, and says %d", m.Name, n, m.late())
			}
		}
	})
}

// late is how many changes a desk says to have been sent after the revocation of their desk was made.
func (m *machine) late() (n int) { return lateAt(m.Now()) }

func lateAt(s agent.Status) (n int) {
	for _, w := range s.Warnings {
		if w.Code == agent.WarnRevocationLate {
			_, _ = fmt.Sscanf(w.Text, "The log has %d ", &n) // 0 where it says no number
		}
	}
	return n
}

// lateInAudit checks that an audit finds just so many events that were sent after the revocation of their desk was made.
func lateInAudit(t *testing.T, log []events.Stored, keys audit.Keys, want int) {
	t.Helper()
	got := 0
	_, err := audit.Verify(t.Context(), func(yield func(events.Stored, error) bool) {
		for _, m := range log {
			if !yield(m, nil) {
				return
			}
		}
	}, audit.Check{Keys: keys}, func(f audit.Finding) error {
		switch n := 0; {
		case f.Code == audit.RevocationLate:
			_, err := fmt.Sscanf(f.Text, "%d events ", &n)
			got += n
			return err
		case f.Severity != audit.Notice:
			t.Errorf("audit verify: %+v", f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the audit finds that %d events were sent after the revocation of their desk was made, want %d", got, want)
	}
}

// The same at the real broker, whose data folder is put back.
func TestTheBrokersDiskLosesARevocation(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	first := one.MustNote("before", "sent before")
	two.AwaitVersion(agenttest.Condition("before"), first.ID)
	p.lines["one"].Cut()
	one.AwaitOffline()
	want := []events.ID{first.ID, one.MustNote("queued", "nobody has it yet").ID}
	p.broker.Mark()
	two.AwaitGreen()
	_, w, err := two.RevokeDevice(t.Context(), one.Config.Enrolment.Device, "dr-two")
	if err != nil {
		t.Fatal(err)
	}
	two.AwaitVersion(events.Record{Type: "Device", ID: one.Config.Enrolment.Device}, w.ID)
	two.AwaitGreen()
	two.Stop()
	p.broker.RollBack()
	p.lines["one"].Mend()
	p.whole(want, one)
	one.Stop()

	two.Start()
	want = append(want, w.ID)
	p.whole(want, two)
	log := p.whole(want, p.desk("three"), two)
	lateInAudit(t, log, audit.Keys{Practice: p.sheet.Practice, Root: two.Config.Enrolment.Root, Open: p.ring().Open}, 1)
	for _, d := range []*agenttest.Desk{two, p.desk("four")} {
		d.Await("what was sent while the revocation was lost", func(s agent.Status) bool { return lateAt(s) == 1 })
		if diff := cmp.Diff([]string{"nobody has it yet"}, d.Texts("queued")); diff != "" {
			t.Errorf("desk %s (-want +got):\n%s", d.Name, diff)
		}
	}
}

// busy is a line on which somebody is faster each time that something of the practice is to be stored.
type busy struct {
	*memlog.Log
	first func()
}

func (l busy) AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error) {
	l.first()
	return l.Log.AppendAfter(ctx, m, after)
}

func (l busy) AppendAtEnd(ctx context.Context, m events.Message, last uint64) (uint64, error) {
	l.first()
	return l.Log.AppendAtEnd(ctx, m, last)
}

// A desk goes on writing while it is revoked: the revocation is made anew until it names just what stands before it. One
// that writes without end cannot keep itself from being revoked; what the revocation does not name is said then.
func TestTheRaceForTheEndOfTheLog(t *testing.T) {
	for name, row := range map[string]struct {
		faster int
		late   bool
	}{"nobody is faster": {0, false}, "it is faster three times": {3, false}, "it is always faster": {1000, true}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				w.settled()
				two := w.machine("two")
				n := 0
				var last events.ID
				two.wrap = func(l *memlog.Log) agent.Log {
					return busy{l, func() {
						if n++; n <= row.faster {
							last = one.MustNote(fmt.Sprint("c", n), "written while it is revoked").ID
						}
					}}
				}
				two.start()
				w.settled()
				n = 0
				_, revoked, err := two.RevokeDevice(t.Context(), "one", "dr-two")
				if err != nil {
					t.Fatal(err)
				}
				two.AwaitGreen()
				one.stop()
				w.desks = w.desks[1:]
				w.settled()
				three := w.fresh("three")
				two.trusts()
				three.trusts()
				at := w.places(revoked.ID)
				if row.faster > 0 && !row.late && !slices.Equal(w.places(last), []uint64{at[0] - 1}) {
					t.Errorf("the revocation stands at %d, what was written last at %d", at, w.places(last))
				}
				if len(at) != 1 || two.late() > 0 != row.late || three.late() != two.late() {
					t.Errorf("the revocation stands at %d, and the desks say that %d and %d changes came after it was made", at, two.late(), three.late())
				}
			})
		})
	}
}

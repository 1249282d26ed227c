package publish_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// A publishing desk may be killed at any step: the other takes over when the lease has run out,
// and the hub is given nothing twice.
func TestKilledAtEachStep(t *testing.T) {
	for _, step := range allSteps {
		t.Run(step, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p, desks := practice(w, "one", "two")
				w.passes(time.Minute)
				w.die.Store(&step) // for whichever of them publishes
				desks[0].problem(p, 1, "Astma")
				w.passes(30 * time.Second)
				dead := 0
				for _, d := range desks {
					if d.dead() {
						dead++
						d.bury()
					}
				}
				if dead != 1 {
					t.Fatalf("%d desks died at %q, want 1: the other had to wait for the lease", dead, step)
				}
				w.passes(3 * time.Minute)
				for _, d := range desks {
					if d.run != nil { // it took over
						d.is()
						w.holds(d, p, 2)
					}
				}
				if n := w.puts.Load(); n > 2 {
					t.Errorf("%d were sent, want 2", n)
				}
				for _, d := range desks {
					if d.run == nil {
						d.start()
					}
				}
				w.green()
				w.passes(time.Minute)
				for _, d := range desks {
					d.is()
					w.holds(d, p, 2)
				}
			})
		})
	}
}

// Each failure of the hub, in pairs: it did not happen, or it had happened. At the end it has,
// once; and meanwhile the table says what is the matter.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		mode   hubsim.Mode
		reason standing.Reason
		sent   int64 // at the end
	}{
		{hubsim.Timeout, standing.Unknown, 3},
		{hubsim.TimeoutButStored, standing.Unknown, 2},
		{hubsim.Fault, standing.Unknown, 3},
		{hubsim.Broken, standing.Unreachable, 3},
		{hubsim.CompleteWithErrors, standing.Unreachable, 3},
		{hubsim.NoConsent, standing.NoConsent, 3},
		{hubsim.NoRelation, standing.NoRelation, 3},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p, desks := practice(w, "one")
				d := desks[0]
				w.passes(time.Minute)
				if err := w.sim.Set(hubsim.Switch{Mode: c.mode, Times: 1, Writing: true}); err != nil {
					t.Fatal(err)
				}
				d.problem(p, 1, "Astma")
				for range 100 {
					if w.passes(time.Second); d.one(p).Reason == c.reason {
						break
					}
				}
				row := d.one(p)
				if row.Reason != c.reason || row.Detail == "" || !row.Next.After(time.Now()) {
					t.Errorf("the table says %s (%s), next try %v", row.Reason, row.Detail, row.Next)
				}
				w.passes(15 * time.Minute)
				d.is()
				w.holds(d, p, 2)
				if n := w.puts.Load(); n != c.sent {
					t.Errorf("%d were sent, want %d", n, c.sent)
				}
			})
		})
	}
}

// A message that the hub does not take is not sent again by itself, but when the dossier changed or
// a person asks.
func TestRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		w.passes(time.Minute)
		w.strict.Store(true)
		desks[0].problem(p, 1, "Astma")
		w.passes(3 * time.Hour)
		row := desks[0].one(p)
		if row.Reason != standing.Invalid || !strings.Contains(row.Detail, "no such element") || !row.Next.IsZero() {
			t.Errorf("the table says %s (%s), next try %v", row.Reason, row.Detail, row.Next)
		}
		sent := func(want int64) {
			t.Helper()
			if n := w.puts.Load(); n != want {
				t.Errorf("%d were sent, want %d", n, want)
			}
		}
		sent(2)
		desks[0].problem(p, 1, "Jicht")
		w.passes(time.Hour)
		sent(3)
		if err := desks[0].publisher.Publish(t.Context(), p.id, "", "dr2"); err != nil {
			t.Error(err)
		}
		sent(4)
		w.strict.Store(false)
		if err := desks[0].publisher.Publish(t.Context(), p.id, "", "dr2"); err != nil {
			t.Error(err)
		}
		desks[0].is()
		w.holds(desks[0], p, 2)
	})
}

// While the hub is away the table names who is behind, and no other; its status says since
// when; and it is asked seldom.
func TestHubAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two")
		q, r := newPatient(2, "dr1"), newPatient(3, "dr1")
		for _, other := range []patient{q, r} {
			desks[0].admit(other)
			desks[0].wish(other, true)
		}
		w.passes(time.Minute)
		w.away.Store(true)
		at := time.Now()
		desks[0].problem(p, 1, "Astma")
		desks[1].problem(r, 1, "Astma")
		w.passes(5 * time.Minute)
		for _, d := range desks {
			d.is("pat1:unreachable", "pat3:unreachable")
			s := d.publisher.Status()
			if s.DownSince.Sub(at) < 0 || s.DownSince.Sub(at) > time.Minute || s.Error == "" || !s.Next.After(time.Now()) {
				t.Errorf("the hub's status is %+v, and it went away at %v", s, at)
			}
		}
		w.passes(75 * time.Minute) // beyond the look of every hour, which would find it as well
		w.away.Store(false)
		w.passes(20 * time.Minute)
		for _, d := range desks {
			d.is()
			if s := d.publisher.Status(); !s.DownSince.IsZero() {
				t.Errorf("it is back, and desk %s says %+v", d.Name, s)
			}
			w.holds(d, p, 2)
			w.holds(d, q, 1)
			w.holds(d, r, 2)
		}
	})
}

// A patient whom the hub refuses holds up nobody else, and the hub does not count as away: neither
// where something is to be published, nor at the look of every hour.
func TestOneRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		d, q := desks[0], newPatient(2, "dr1")
		d.admit(q)
		d.wish(q, true)
		w.passes(time.Minute)
		staysUp := func(length time.Duration) {
			t.Helper()
			for end := time.Now().Add(length); time.Now().Before(end); w.passes(2 * time.Second) {
				if s := d.publisher.Status(); !s.DownSince.IsZero() {
					t.Fatalf("the hub's status is %+v, and it only refused one patient", s)
				}
			}
		}
		w.refuse.Store(&p.inss)
		staysUp(40 * time.Minute) // it is asked after half an hour
		d.problem(p, 1, "Astma")
		d.problem(q, 1, "Astma")
		staysUp(time.Minute)
		d.is("pat1:unreachable")
		w.holds(d, q, 2)
		w.refuse.Store(nil)
		w.passes(20 * time.Minute)
		d.is()
		w.holds(d, p, 2)
	})
}

// One patient of whom the hub refuses to say anything keeps none of the others from being looked
// at, though they are asked for together.
func TestOneRefusedAmongOthers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		others := []patient{newPatient(2, "dr1"), newPatient(3, "dr1"), newPatient(4, "dr1"), newPatient(5, "dr1")}
		for _, q := range others {
			desks[0].admit(q)
			desks[0].wish(q, true)
		}
		w.passes(time.Minute)
		w.refuse.Store(&p.inss)
		for _, q := range others {
			w.sim.Foreign(q.inss, doctors["dr2"])
		}
		w.passes(65 * time.Minute)
		desks[0].is("pat2:foreign", "pat3:foreign", "pat4:foreign", "pat5:foreign")
	})
}

// What fails at the desk itself is not said of the hub.
func TestDeskFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		w.passes(time.Minute)
		w.stuck.Store(true)
		for range 8 {
			w.passes(15 * time.Minute)
			if s := desks[0].publisher.Status(); !s.DownSince.IsZero() {
				t.Fatalf("the hub's status is %+v, and only the desk is out of order", s)
			}
		}
		w.stuck.Store(false)
		desks[0].problem(p, 1, "Astma")
		w.passes(20 * time.Minute)
		desks[0].is()
		w.holds(desks[0], p, 2)
	})
}

// What was sent by a desk that died before it could say so is found by the next, also when the
// dossier has moved on meanwhile: then both versions are in its history.
func TestFoundWhenTheDossierMovedOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two")
		w.passes(time.Minute)
		step := "after put"
		w.die.Store(&step)
		desks[0].problem(p, 1, "Astma")
		w.passes(20 * time.Second)
		alive := desks[0]
		for _, d := range desks {
			if d.dead() {
				d.bury()
			} else {
				alive = d
			}
		}
		moved := alive.problem(p, 2, "Jicht")
		w.passes(30 * time.Second)
		if row := alive.one(p); row.Reason != standing.Waiting || !strings.Contains(row.Detail, "publish") || !row.Next.After(time.Now()) {
			t.Errorf("the dead desk has the lease: the table says %s (%s), next %v", row.Reason, row.Detail, row.Next)
		}
		w.passes(3 * time.Minute)
		w.holds(alive, p, 3)
		versions, err := alive.Store().History(t.Context(), events.Record{Type: "DocumentReference", ID: "sumehr-pat1"})
		if err != nil || len(versions) != 3 {
			t.Fatalf("the history has %d versions, %v; want 3", len(versions), err)
		}
		if strings.Contains(string(versions[1].Body), "/_history/") || !strings.Contains(string(versions[0].Body), moved.ID.String()) {
			t.Errorf("what was found says\n%s\nand what was sent on top of it\n%s", versions[1].Body, versions[0].Body)
		}
	})
}

package publish_test

import (
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
)

// practice is a world of some desks with one wished patient.
func practice(w *world, names ...string) (patient, []*desk) {
	for _, name := range names {
		w.desk(name)
	}
	w.green()
	p := newPatient(1, "dr1")
	w.desks[0].doctor("dr1")
	w.desks[0].admit(p)
	w.desks[0].wish(p, true)
	return p, w.desks
}

// A wish is followed once the dossier rests; every desk knows it, and none sends it twice.
func TestPublished(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two", "three")
		w.passes(5 * time.Second)
		desks[1].is("pat1:waiting")
		if next := desks[1].one(p).Next; next.IsZero() {
			t.Error("it is not said when it is sent")
		}
		w.passes(time.Minute)
		w.holds(desks[1], p, 1)
		for _, d := range desks {
			d.is()
		}
		desks[1].problem(p, 1, "Astma")
		w.passes(5 * time.Second)
		desks[2].problem(p, 2, "Jicht")
		w.passes(time.Minute)
		w.holds(desks[0], p, 2) // the two edits together
		if n := w.puts.Load(); n != 2 {
			t.Errorf("%d were sent, want 2", n)
		}
	})
}

// Only a desk at which the author has a session publishes; one whose author has none says so.
func TestSessions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.desk("one", doctors["dr2"]), w.desk("two", doctors["dr1"])
		w.green()
		one.doctor("dr1")
		one.doctor("dr2")
		p, q := newPatient(1, "dr1"), newPatient(2, "dr2")
		for _, of := range []patient{p, q} {
			one.admit(of)
			one.wish(of, true)
		}
		w.passes(5 * time.Second)
		one.is("pat1:no-session", "pat2:waiting")
		two.is("pat1:waiting", "pat2:no-session")
		w.passes(time.Minute)
		two.is()
		w.holds(one, p, 1)
		w.holds(two, q, 1)
		two.stop()
		one.problem(p, 1, "Astma")
		w.passes(time.Hour)
		one.is("pat1:no-session")
		two.start()
		w.passes(2 * time.Minute)
		one.is()
		w.holds(one, p, 2)
	})
}

// Nothing goes out over a conflict, an error, a withdrawn duty or a queue.
func TestHeldUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two")
		one, two := desks[0], desks[1]
		one.problem(p, 1, "Astma")
		w.passes(time.Minute)
		w.holds(one, p, 1)
		if err := two.WorkOffline(t.Context()); err != nil {
			t.Fatal(err)
		}
		two.problem(p, 1, "COPD")
		w.passes(time.Minute)
		two.is("pat1:not-level")
		one.is()
		one.problem(p, 1, "Jicht")
		w.passes(time.Minute)
		w.holds(one, p, 2)
		if err := two.WorkOnline(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.passes(10 * time.Minute)
		for _, d := range desks {
			d.is("pat1:conflict")
		}
		state, err := one.Store().Record(t.Context(), events.Record{Type: "Condition", ID: "c1-pat1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.Resolve(t.Context(), agent.Resolution{Record: state.Record, Heads: []events.ID{state.Heads[0].Event.ID, state.Heads[1].Event.ID}, Body: []byte(problemBody(p, 1, "COPD en jicht")), Author: "dr1"}); err != nil {
			t.Fatal(err)
		}
		w.passes(time.Minute)
		w.holds(two, p, 3)

		one.consent(p, "link", "inactive", sumehr.TableBase+"cd-therapeuticlinktype", "gmd")
		one.problem(p, 1, "Jicht")
		w.passes(10 * time.Minute)
		one.is("pat1:no-relation")
		one.consent(p, "link", "active", sumehr.TableBase+"cd-therapeuticlinktype", "gmd")
		two.put("Condition/c2-pat1", p.id, `{"resourceType":"Condition","id":"c2-pat1","subject":{"reference":"Patient/pat1"},"code":{"text":"Zonder begin"}}`)
		w.passes(10 * time.Minute)
		two.is("pat1:invalid")
		one.wish(p, false)
		w.passes(10 * time.Minute)
		two.is()
		if n := w.puts.Load(); n != 3 {
			t.Errorf("%d were sent, want 3", n)
		}
	})
}

package publish_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// A foreign Sumehr is not written over but said, until a person says so; and never another
// than the one that they saw.
func TestForeign(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two")
		one := desks[0]
		w.passes(time.Minute)
		w.sim.Foreign(p.inss, doctors["dr2"])
		one.problem(p, 1, "Astma")
		w.passes(time.Minute)
		row := one.one(p)
		if row.Reason != standing.Foreign || !strings.Contains(row.Detail, doctors["dr2"]) || row.Reason.Do() != standing.Choose {
			t.Errorf("got %s (%s)", row.Reason, row.Detail)
		}
		if strings.Contains(row.Detail, p.inss) {
			t.Errorf("a number in the National Register is shown to whoever sees the table: %s", row.Detail)
		}
		w.passes(time.Hour)
		list, newest, err := one.publisher.Look(t.Context(), p.id)
		if err != nil || len(list) != 1 || list[0].Ours || list[0].Author != doctors["dr2"] || newest == nil {
			t.Fatalf("the hub holds %+v, %v", list, err)
		}
		w.sim.Foreign(p.inss, doctors["dr2"])
		if err := one.publisher.Publish(t.Context(), p.id, list[0].URI, "dr2"); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("another came between: got %v", err)
		}
		if list, _, err = one.publisher.Look(t.Context(), p.id); err != nil {
			t.Fatal(err)
		}
		if n := w.puts.Load(); n != 1 {
			t.Errorf("%d were sent, want 1", n)
		}
		if err := one.publisher.Publish(t.Context(), p.id, list[0].URI, "dr2"); err != nil {
			t.Error(err)
		}
		w.passes(time.Minute)
		for _, d := range desks {
			d.is()
		}
		if held := w.held(p); len(held) != 1 || held[0].Author != doctors["dr1"] || len(held[0].Versions) != 4 {
			t.Errorf("the hub holds %+v", held)
		}
		one.recorded(p, "dr2", "dr1") // it was one doctor's doing, and is the Sumehr of the other
	})
}

// Where another's comes between the look and the sending, the hub refuses ours; it is then read
// again, and theirs is said.
func TestForeignBetween(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		w.passes(time.Minute)
		between := func() { w.sim.Foreign(p.inss, doctors["dr2"]) }
		w.before.Store(&between)
		desks[0].problem(p, 1, "Astma")
		w.passes(time.Minute)
		desks[0].is("pat1:foreign")
		if held := w.held(p); len(held) != 1 || len(held[0].Versions) != 2 || held[0].Author != doctors["dr2"] || w.puts.Load() != 2 {
			t.Errorf("the hub holds %+v after %d were sent", held, w.puts.Load())
		}
	})
}

// What another did on the hub is noticed within two hours also where nothing changes here: another's
// newer one is said, and one that was taken away is published again.
func TestChangedOnTheHub(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one", "two")
		q, r := newPatient(2, "dr1"), newPatient(3, "dr1")
		for _, other := range []patient{q, r} {
			desks[0].admit(other)
			desks[0].wish(other, true)
		}
		w.passes(time.Minute)
		w.sim.Foreign(p.inss, doctors["dr2"])
		if err := w.client().Revoke(t.Context(), q.inss, w.held(q)[0].URI); err != nil {
			t.Fatal(err)
		}
		w.passes(2 * time.Hour)
		for _, d := range desks {
			d.is("pat1:foreign")
		}
		if held := w.held(q); len(held) != 2 || !held[0].Revoked || held[1].Revoked {
			t.Errorf("of the one that was taken away the hub holds %+v", held)
		}
		w.holds(desks[1], r, 1)
		desks[0].problem(p, 1, "Astma")
		w.passes(time.Minute)
		desks[1].put("Condition/c1-pat1", p.id, strings.Replace(problemBody(p, 1, "Astma"), `"code":`, `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"resolved"}]},"code":`, 1))
		w.passes(3 * time.Hour)
		for _, d := range desks { // the dossier is as it was published, and the hub is not
			d.is("pat1:foreign")
		}
		if n := w.puts.Load(); n != 4 {
			t.Errorf("%d were sent, want 4", n)
		}
	})
}

package publish_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
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

// What is asked of a desk that nobody waits for is told by where it died.
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
		w.passes(time.Hour)
		w.away.Store(false)
		w.passes(20 * time.Minute)
		for _, d := range desks {
			d.is()
			w.holds(d, p, 2)
			w.holds(d, q, 1)
			w.holds(d, r, 2)
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
		w.passes(time.Hour)
		list, newest, err := one.publisher.Look(t.Context(), p.id)
		if err != nil || len(list) != 1 || list[0].Ours || list[0].Author != doctors["dr2"] || newest == nil {
			t.Fatalf("the hub holds %+v, %v", list, err)
		}
		w.sim.Foreign(p.inss, doctors["dr2"])
		if err := one.publisher.Publish(t.Context(), p.id, list[0].URI); !errors.Is(err, publish.ErrMoved) {
			t.Errorf("another came between: got %v", err)
		}
		if list, _, err = one.publisher.Look(t.Context(), p.id); err != nil {
			t.Fatal(err)
		}
		if n := w.puts.Load(); n != 1 {
			t.Errorf("%d were sent, want 1", n)
		}
		if err := one.publisher.Publish(t.Context(), p.id, list[0].URI); err != nil {
			t.Error(err)
		}
		w.passes(time.Minute)
		for _, d := range desks {
			d.is()
		}
		if held := w.held(p); len(held) != 1 || held[0].Author != doctors["dr1"] || len(held[0].Versions) != 4 {
			t.Errorf("the hub holds %+v", held)
		}
	})
}

// What was published is taken from the hub once the wish is off, and only then; and a taking
// that had happened without an answer is recorded all the same.
func TestRevoke(t *testing.T) {
	for _, mode := range []hubsim.Mode{hubsim.Well, hubsim.TimeoutButStored, hubsim.Timeout} {
		t.Run(string(mode), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p, desks := practice(w, "one", "two")
				one, two := desks[0], desks[1]
				w.passes(time.Minute)
				if err := one.publisher.Revoke(t.Context(), p.id); !errors.Is(err, publish.ErrWished) {
					t.Errorf("it is wished: got %v", err)
				}
				one.wish(p, false)
				one.problem(p, 1, "Astma")
				w.passes(10 * time.Minute)
				if held := w.held(p); len(held) != 1 || len(held[0].Versions) != 1 || held[0].Revoked {
					t.Errorf("the wish is off: the hub holds %+v", held)
				}
				if err := w.sim.Set(hubsim.Switch{Mode: mode, Times: 1, Writing: true}); err != nil {
					t.Fatal(err)
				}
				err := two.publisher.Revoke(t.Context(), p.id)
				if (err == nil) != (mode == hubsim.Well) {
					t.Errorf("got %v", err)
				}
				if err != nil {
					if err := two.publisher.Revoke(t.Context(), p.id); err != nil {
						t.Errorf("again: %v", err)
					}
				}
				w.passes(time.Minute)
				if held := w.held(p); len(held) != 1 || !held[0].Revoked {
					t.Errorf("the hub holds %+v", held)
				}
				if row := one.one(p); row.Published == nil || !row.Published.Revoked {
					t.Errorf("desk one knows of %+v", row.Published)
				}
				if err := one.publisher.Revoke(t.Context(), p.id); !errors.Is(err, publish.ErrNothing) {
					t.Errorf("there is nothing: got %v", err)
				}
				if err := one.publisher.Publish(t.Context(), p.id, ""); !errors.Is(err, publish.ErrNotWished) {
					t.Errorf("it is not wished: got %v", err)
				}
				one.wish(p, true)
				w.passes(time.Minute)
				if held := w.held(p); len(held) != 2 || held[1].Revoked {
					t.Errorf("it is wished again: the hub holds %+v", held)
				}
			})
		})
	}
}

// Also of a dossier of which no Sumehr may be made any more, what is there is taken away.
func TestRevokeOfWhatIsConfidential(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		w.passes(time.Minute)
		desks[0].wish(p, false)
		desks[0].put("Patient/"+p.id, p.id, strings.Replace(patientBody(p), `"gender"`, `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},"gender"`, 1))
		w.passes(time.Minute)
		if err := desks[0].publisher.Revoke(t.Context(), p.id); err != nil {
			t.Error(err)
		}
		if held := w.held(p); len(held) != 1 || !held[0].Revoked {
			t.Errorf("the hub holds %+v", held)
		}
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

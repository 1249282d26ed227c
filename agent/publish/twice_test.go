package publish_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// A hub may take in a first version when its sender is long dead and another desk has sent one:
// then it holds two Sumehrs of the practice. The second is found within minutes and taken away,
// also where the dossier has moved on between the two; where the hub does not let go of it, the
// table says so, and it is tried again.
func TestTakenInLate(t *testing.T) {
	for name, c := range map[string]struct {
		moved bool // the dossier, before the second was sent
		fails hubsim.Mode
	}{
		"the same": {}, "the dossier moved on": {moved: true}, "not let go": {fails: hubsim.NoRelation}, "no answer": {moved: true, fails: hubsim.TimeoutButStored},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.hold.Store(true)
				p, desks := practice(w, "one", "two")
				w.passes(20 * time.Second)
				alive := desks[0]
				for _, d := range desks {
					if w.alone.Load() == d.run {
						d.kill()
						d.bury()
					} else {
						alive = d
					}
				}
				if c.moved {
					alive.problem(p, 1, "Astma")
				}
				w.passes(2 * time.Minute)
				w.holds(alive, p, 1)
				(*w.late.Load())()
				if held := w.held(p); len(held) != 2 {
					t.Fatalf("the hub holds %+v, want two", held)
				}
				if c.fails != "" {
					if err := w.sim.Set(hubsim.Switch{Mode: c.fails, Times: 1, Writing: true}); err != nil {
						t.Fatal(err)
					}
				}
				w.passes(7 * time.Minute)
				if c.fails != "" {
					if row := alive.one(p); row.Reason != standing.Twice || row.Detail == "" || !row.Next.After(time.Now()) {
						t.Errorf("the table says %s (%s), next try %v", row.Reason, row.Detail, row.Next)
					}
					w.passes(15 * time.Minute)
				}
				if held := w.held(p); len(held) != 2 || held[0].Revoked || !held[1].Revoked {
					t.Errorf("the hub holds %+v, want the first alone", held)
				}
				alive.is()
				alive.problem(p, 2, "Jicht")
				w.passes(time.Minute)
				if held := w.held(p); len(held) != 2 || len(held[0].Versions) != 2 || held[0].Versions[1] != alive.one(p).Digest {
					t.Errorf("the hub holds %+v, want the newest in the first", held)
				}
			})
		})
	}
}

// Another doctor's Sumehr that stands beside ours is nobody's to take away.
func TestAnothersStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p, desks := practice(w, "one")
		w.passes(time.Minute)
		theirs := w.held(p)[0]
		message, err := w.client().Get(t.Context(), p.inss, theirs.URI)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.client().Put(t.Context(), anothers(t, message)); err != nil {
			t.Fatal(err)
		}
		list, _, err := desks[0].publisher.Look(t.Context(), p.id)
		if err != nil || len(list) != 2 || list[0].Ours {
			t.Fatalf("the hub holds %+v, %v", list, err)
		}
		desks[0].problem(p, 1, "Astma")
		w.passes(time.Minute)
		desks[0].is("pat1:foreign")
		if err := desks[0].publisher.Publish(t.Context(), p.id, list[0].URI, "dr1"); err != nil {
			t.Fatal(err)
		}
		w.passes(10 * time.Minute)
		held := w.held(p)
		if len(held) != 2 || held[0].Revoked || held[1].Revoked || len(held[0].Versions) != 2 || len(held[1].Versions) != 1 {
			t.Errorf("the hub holds %+v, want the newest of ours and theirs as it was", held)
		}
		desks[0].is()
	})
}

var marks = regexp.MustCompile(`<id [^>]*SL="(vitalinkuri|carelog)"[^>]*>(/subject/[^<]*|[0-9a-f]{32})</id>`)

// anothers is a message as another doctor's program would have made it.
func anothers(t *testing.T, message *kmehr.Element) *kmehr.Element {
	t.Helper()
	text := marks.ReplaceAllString(string(kmehr.Write(message)), "")
	theirs, err := kmehr.Read([]byte(strings.ReplaceAll(text, doctors["dr1"], doctors["dr2"])))
	if err != nil {
		t.Fatal(err)
	}
	return theirs
}

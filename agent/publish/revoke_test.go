package publish_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/hub/hubsim"
	"github.com/carelog/carelog/agent/publish"
)

// What was published is taken from the hub once the wish is off, and only then; and a taking
// that had happened without an answer is recorded all the same.
func TestRevoke(t *testing.T) {
	for _, mode := range []hubsim.Mode{hubsim.Well, hubsim.TimeoutButStored, hubsim.Timeout} {
		t.Run(string(mode), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				p, desks := practice(w, "one", "two")
				one, two := desks[0], desks[1]
				w.passes(time.Minute)
				if err := one.publisher.Revoke(t.Context(), p.id, "dr2"); !errors.Is(err, publish.ErrWished) {
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
				err := two.publisher.Revoke(t.Context(), p.id, "dr2")
				if (err == nil) != (mode == hubsim.Well) {
					t.Errorf("got %v", err)
				}
				if err != nil {
					if err := two.publisher.Revoke(t.Context(), p.id, "dr2"); err != nil {
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
				one.recorded(p, "dr2", "dr1")
				if err := one.publisher.Revoke(t.Context(), p.id, "dr2"); !errors.Is(err, publish.ErrNothing) {
					t.Errorf("there is nothing: got %v", err)
				}
				if err := one.publisher.Publish(t.Context(), p.id, "", "dr2"); !errors.Is(err, publish.ErrNotWished) {
					t.Errorf("it is not wished: got %v", err)
				}
				one.wish(p, true)
				w.passes(time.Minute)
				if held := w.held(p); len(held) != 2 || held[1].Revoked {
					t.Errorf("it is wished again: the hub holds %+v", held)
				}
				one.recorded(p, "dr1", "dr1")
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
		if err := desks[0].publisher.Revoke(t.Context(), p.id, "dr2"); err != nil {
			t.Error(err)
		}
		if held := w.held(p); len(held) != 1 || !held[0].Revoked {
			t.Errorf("the hub holds %+v", held)
		}
	})
}

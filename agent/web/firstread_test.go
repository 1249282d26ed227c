package web_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// reading puts a desk into the middle of its first read.
func reading(d *desk) {
	d.set(func() {
		d.status.State = light.State{
			Color: light.Synchronising, Since: time.Now().Add(-13 * time.Second), Reason: "reading the practice's log for the first time",
			Activity: &light.Activity{Kind: light.Initial, Done: 412_000, Total: 1_000_000, Bytes: 187_400_000, Rate: 31_250, ETASeconds: 19},
		}
		d.status.Position.Sequence, d.status.Server.Sequence, d.status.Server.Agreed = 412_000, 1_000_000, time.Time{}
		d.status.Incomplete, d.status.ByChoice, d.queue = true, false, nil
		d.status.Prefetch = &agent.Prefetch{Done: 3, Total: 24}
	})
}

func TestPagesDuringTheFirstRead(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	reading(d)
	b.see(".count", "may still be known")
	b.run(search("nobody at all"))
	b.see(".count", "Nobody found")
	b.see(".count", "may still be known")
	b.click("#light", "Synchronising")
	for _, want := range []string{"First synchronisation", "412", "about 19 seconds left", "a second", "187 MB read", "Agenda fetched first"} {
		b.see("#light-details", want)
	}
	b.until(`document.querySelector('#light-details progress').value === 412000`, "the bar at its place")
	b.shoot("first-read")
	b.visit("/sync")
	b.see(".activity", "about 19 seconds left")
	b.shoot("first-read-sync")
	b.visit("/patients/p1")
	b.see(".safety", "allergies too")
	b.missing(".safety", "No allergies registered")
	b.shoot("first-read-dossier")
	b.visit("/patients/unknown")
	b.see(".empty", "may still be known")
	d.set(func() {
		d.status.State = light.State{Color: light.Online, Since: d.status.Since, Reason: "everything is on the server"}
		d.status.Incomplete, d.status.Prefetch = false, nil
	})
	b.missing(".empty", "may still be known")
	b.visit("/patients/p1")
	b.see(".safety", "No allergies registered")
}

func TestPrefetch(t *testing.T) {
	d := newDesk(t)
	answer, text := d.ask("POST", "/api/prefetch", `{"patients":["p2","p1"]}`)
	if answer.StatusCode != 200 || !strings.Contains(text, `"light"`) {
		t.Errorf("an agenda: %s %s, want the status", answer.Status, text)
	}
	d.set(func() {
		if !slices.Equal(d.agenda, []string{"p2", "p1"}) {
			t.Errorf("the desk was given %q", d.agenda)
		}
	})
	for _, body := range []string{"{}x", `{"patients":["a/b"]}`, `{"patients":"p1"}`, `{"who":["p1"]}`, `{"patients":[` + strings.Repeat(`"p",`, agent.MaxPrefetch) + `"p"]}`} {
		if answer, text := d.ask("POST", "/api/prefetch", body); answer.StatusCode != 400 {
			t.Errorf("%.30q: got %s %s, want 400", body, answer.Status, text)
		}
	}
	if answer, _ := d.ask("GET", "/api/prefetch", ""); answer.StatusCode != 405 {
		t.Errorf("GET: %s, want 405", answer.Status)
	}
}

package web_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
)

func TestConflictPages(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.see("nav .attention", "3")
	b.visit("/patients/p7")
	b.see("[data-record='AllergyIntolerance/a9'] .badge", "Conflict: 2 versions")
	b.visit("/conflicts")
	b.see("tbody", "Warfarin")
	b.see("tbody", "Consultation room 2")
	b.shoot("conflicts")
	b.click("tbody tr:nth-child(1) a.icon-button", "")
	b.see(".compare", "Told by her daughter")
	b.see(".compare thead", "Marc Dubois")
	b.see(".compare .differs mark", "half")
	b.shoot("conflict")
	b.run(`[...document.querySelectorAll('button.keep')][1].click()`)
	b.missing("h1", "Warfarin")
	b.until(`document.querySelectorAll('.compare').length === 1`, "the next conflict")
	if body := shown(t, d, "MedicationStatement/m9"); !strings.Contains(body, "2 on Sunday") {
		t.Errorf("got %s, want the version that was kept", body)
	}

	// The others: an allergy, and a note with a deletion among three versions.
	b.visit("/conflicts/DocumentReference/n9")
	b.see(".compare", "X-ray")
	b.see(".compare thead", "Keep it deleted")
	b.until(`document.querySelectorAll('.compare tbody tr').length === 1`, "one row, the text")
	b.shoot("conflict-three")
	b.visit("/conflicts/AllergyIntolerance/a9")
	b.see(".compare .differs", "High risk")
	b.shoot("conflict-allergy")
}

func TestConflictSettledElsewhere(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	record := "AllergyIntolerance/a9"
	b.visit("/conflicts/" + record)
	b.see(".compare", "Bronchospasm")

	// A third version comes while the page is open.
	heads := headIDs(t, d, record)
	d.arrives(record, "p7", "dr-2", strings.Replace(shown(t, d, record), `"low"`, `"unable-to-assess"`, 1), heads[0])
	b.see(".note", "changed elsewhere while you had it open")
	b.see(".compare", "Risk not known")

	d.arrives(record, "p7", "dr-2", shown(t, d, record), headIDs(t, d, record)...)
	b.see("h1", "already settled elsewhere")
	b.click("a.button", "Next conflict")
	b.see(".compare", "")

	// And at the very moment of the choice: 412.
	path := b.text(`location.pathname`)
	record = strings.TrimPrefix(path, "/conflicts/")
	b.run(`(() => { window.realFetch = fetch; window.fetch = async (...a) => { if (!String(a[0]).endsWith('/resolve')) return realFetch(...a); await new Promise((go) => { window.letGo = go; }); return realFetch(...a); }; document.querySelector('button.keep').click(); })()`)
	b.until(`window.letGo`, "the choice to be on its way")
	d.arrives(record, patientOf(t, d, record), "dr-2", strings.Replace(shown(t, d, record), `"status":"active"`, `"status":"stopped"`, 1), headIDs(t, d, record)[0])
	b.run(`window.letGo()`)
	b.see(".note", "changed elsewhere while you had it open")
	if state := stateOf(t, d, record); !state.Conflict {
		t.Error("the conflict was settled over a version that nobody saw")
	}
}

func TestLiveInSeveralTabs(t *testing.T) {
	d := newDesk(t)
	morning(d)
	first := openBrowser(t, d)
	second := first.tab("/patients/p7")
	second.see("h1", "Jan Janssens")
	second.see("#light", "Online")
	d.set(func() {
		d.status.Color, d.status.Reason = light.Synchronising, "reading what came while this PC was off"
		d.status.Activity = &light.Activity{Kind: light.CatchUp, Done: 5120, Total: 18400, ETASeconds: 12}
	})
	for _, b := range []*browser{first, second} {
		b.see("#light", "Synchronising")
		b.until(`document.title.startsWith('◐')`, "the mark of the light in the title")
	}
	d.arrives("Condition/z", "p7", "dr-2", `{"resourceType":"Condition","id":"z","subject":{"reference":"Patient/p7"},"code":{"text":"Sprained ankle"}}`)
	second.see(".section-Condition", "Sprained ankle")
	second.click("#light", "")
	second.see("#light-details", "5,120 of 18,400")
	second.shoot("synchronising")
	second.visit("/sync")
	second.see(".state", "Reading what is new")
	second.shoot("sync-busy")

	// The desk ends all streams: the pages say that they may be old.
	d.pages.Close()
	for _, b := range []*browser{first, second} {
		b.see("#banner", "lost contact")
		b.see("#light", "No contact")
	}
	second.shoot("stale-page")
}

// TestSmallScreens looks for what sticks out at 1024 x 768 and at 200 % zoom of 1280.
func TestSmallScreens(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"1024", 1024, 768}, {"zoom", 640, 480}} {
		b.size(size.width, size.height, 1)
		for _, path := range []string{"/", "/patients/p7", "/conflicts", "/conflicts/MedicationStatement/m9", "/sync", "/new-patient"} {
			b.visit(path)
			b.see("h1", "")
			b.see("#light", "Online")
			b.until(`document.documentElement.scrollWidth <= innerWidth`, path+" to fit at "+size.name)
			b.until(`(() => { const l = document.getElementById('light').getBoundingClientRect(); return l.top < 40 && l.right > innerWidth - 60; })()`, "the light at the top right at "+size.name)
			b.shoot(size.name + strings.ReplaceAll(path, "/", "-"))
		}
	}
}

func recordOf(t *testing.T, name string) events.Record {
	t.Helper()
	r, err := events.ParseRecord(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

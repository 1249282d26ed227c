package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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
	b.see("[data-record='AllergyIntolerance/a9'] .in-place", "High risk Bronchospasm by Aylin Yilmaz")
	b.visit("/patients/p11")
	b.see("[data-record='DocumentReference/n9'] .in-place", "Deleted by Aylin Yilmaz")
	b.visit("/conflicts")
	b.see("tbody", "Warfarin")
	b.see("tbody", "Consultation room 2")
	b.shoot("conflicts")
	b.click("tbody tr:nth-child(1) a.icon-button", "")
	b.see(".compare", "Told by her daughter")
	b.see(".compare thead", "Marc Dubois")
	b.see(".compare .differs mark", "half")
	b.shoot("conflict")
	b.unhurried()
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
	b.see(".note", "Last by Marc Dubois, at Consultation room 2")
	b.see(".compare", "Risk not known")

	d.arrives(record, "p7", "dr-2", shown(t, d, record), headIDs(t, d, record)...)
	b.see("h1", "already settled elsewhere")
	b.see(".empty", "Last by Marc Dubois, at Consultation room 2")
	b.click("a.button", "Next conflict")
	b.see(".compare", "")

	// And at the very moment of the choice: 412.
	path := b.text(`location.pathname`)
	record = strings.TrimPrefix(path, "/conflicts/")
	b.unhurried()
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

// A stream that says nothing for forty seconds is dead, though nobody closed it; here they pass in one and a half.
func TestASilentStreamIsDead(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	const hurried = `(() => {
		const [time, ask] = [setTimeout, fetch];
		window.setTimeout = (f, after, ...rest) => time(f, after === 40000 ? 1500 : after, ...rest);
		window.fetch = async (where, how) => {
			const answer = await ask(where, how);
			if (!String(where).includes('/api/changes')) return answer;
			window.asked = (window.asked ?? 0) + 1;
			return { ok: answer.ok, status: answer.status, body: answer.body.pipeThrough(new TransformStream({ transform: (piece, out) => window.mute || out.enqueue(piece) })) };
		};
	})()`
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: hurried}); err != nil {
		t.Fatal(err)
	}
	b.visit("/patients/p7")
	b.until(`window.asked > 0 && document.querySelector('#light[data-light="online"]')`, "a page that follows")
	b.run(`(() => { window.mute = true; })()`)
	b.see("#banner", "lost contact")
	b.see("#light", "No contact")
	b.run(`(() => { window.mute = false; })()`)
	b.see("#light", "Online")
	b.missing("#banner", "lost contact")
}

// The page that holds the stream is loaded anew: the next one takes it over, each time.
func TestTheStreamPassesFromTabToTab(t *testing.T) {
	d := newDesk(t)
	morning(d)
	first := openBrowser(t, d)
	tabs := []*browser{first, first.tab("/patients/p7")}
	for _, b := range tabs {
		b.see("#light", "Online")
	}
	for i := range 10 {
		b := tabs[i%2] // the other one took it in the round before
		b.run(`document.querySelector('nav a').click()`)
		b.see("tbody", "Bogaert")
		b.visit("/patients/p7") // while the page before says that it is left
		b.see("#light", "Online")
	}
}

// A decision is undone by choosing again, as long as nobody built on it.
func TestConflictUndo(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	record := "MedicationStatement/m9"
	b.visit("/conflicts/" + record)
	b.see(".compare", "Told by her daughter")
	b.unhurried()
	b.run(`[...document.querySelectorAll('button.keep')][1].click()`)
	b.see(".note.decided", "Warfarin 5 mg was settled")
	settled := shownID(t, d, record)
	b.click(".note.decided a", "Undo")
	b.see(".note.changed", "what you chose before stands")
	b.shoot("conflict-undo")
	b.until(`document.querySelectorAll('button.keep').length === 2`, "both versions")
	b.until(`document.querySelectorAll('.compare .chip').length === 1 && document.querySelector('.compare th.version:has(.chip) .version-name').textContent.includes('Version 2')`, "the version that stands")
	b.unhurried()
	b.run(`document.querySelector('button.keep').click()`)
	b.see(".note.decided", "Warfarin 5 mg was settled")
	state := stateOf(t, d, record)
	if state.Conflict || !strings.Contains(string(state.Shown.Body), "INR on Friday") || !slices.Equal(state.Shown.Event.Parents, []events.ID{settled}) {
		t.Errorf("got %s on %v, want the other version over the first decision", state.Shown.Body, state.Shown.Event.Parents)
	}
	b.click(".note.decided a", "Undo")
	b.see(".note.changed", "what you chose before stands")
	b.until(`document.querySelector('.compare th.version:has(.chip) .version-name').textContent.includes('Version 1')`, "the version that was chosen last")
	d.arrives(record, "p4", "dr-2", strings.Replace(shown(t, d, record), "half a tablet", "a quarter", 1), shownID(t, d, record))
	b.see("h1", "can no longer be undone") // without anybody having asked
}

// What was decided is undone from wherever it is shown: also the decision before the last one, and from another tab; and not
// once somebody built on it.
func TestUndoIsOfferedWhereverADecisionIsShown(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	const first, second = "MedicationStatement/m9", "AllergyIntolerance/a9"
	for _, record := range []string{first, second} {
		b.visit("/conflicts/" + record)
		b.see(".compare", "")
		b.unhurried()
		b.run(`document.querySelectorAll('button.keep')[1].click()`)
		b.until(`location.pathname !== '/conflicts/`+record+`'`, "what follows a decision")
	}
	other := b.tab("/history/" + first)
	other.see(".versions", "Conflict settled")
	other.click(".versions a", "Undo")
	other.see(".note.changed", "what you chose before stands")
	other.unhurried()
	other.run(`document.querySelector('button.keep').click()`)
	other.see(".note.decided, .empty", "")
	if state := stateOf(t, d, first); state.Conflict || !strings.Contains(string(state.Shown.Body), "INR on Friday") {
		t.Errorf("got %s, want the version that was not kept before", state.Shown.Body)
	}
	other.visit("/history/" + first) // a choice that was made again is a choice
	other.see(".versions a", "Undo")
	other.visit("/conflicts/" + second)
	other.see(".empty", "already settled")
	other.see(".empty a", "Undo")
	other.visit("/history/" + second)
	other.see(".versions a", "Undo")
	d.arrives(second, "p7", "dr-2", strings.Replace(shown(t, d, second), `"resourceType"`, `"language":"nl","resourceType"`, 1), shownID(t, d, second))
	other.missing(".versions a", "Undo") // without anybody having asked
	other.visit("/conflicts/" + second)
	other.see(".empty", "already settled")
	other.missing(".empty a", "Undo")
}

// By keyboard alone: field by field with a union, a preview, a decision; then
// whole versions by number.
func TestConflictByKeyboard(t *testing.T) {
	d := newDesk(t)
	morning(d)
	item := func(s string) string { return `{"manifestation":[{"text":"` + s + `"}],"severity":"mild"}` }
	body := func(criticality, remark, since string, reactions ...string) string {
		return `{"resourceType":"AllergyIntolerance","id":"a8","patient":{"reference":"Patient/p8"},"code":{"text":"Aspirin"},"criticality":"` + criticality +
			`","onsetDateTime":"` + since + `","note":[{"text":"` + remark + `"}],"reaction":[` + strings.Join(reactions, ",") + `],"extension":[{"url":"http://example.be/x","valueDecimal":1.00}]}`
	}
	root := d.arrives("AllergyIntolerance/a8", "p8", "dr-1", body("low", "as told", "1998", item("Rash"), item("Old")))
	d.arrives("AllergyIntolerance/a8", "p8", "dr-2", body("high", "seen", "1999", item("Rash"), item("Wheals"), item("Old")), root)
	d.arrivesFrom(d.here, "AllergyIntolerance/a8", "p8", "nurse-1", body("low", "told twice", "2000", item("Cough"), item("Rash")), root)
	b := openBrowser(t, d)
	b.visit("/conflicts/AllergyIntolerance/a8")
	b.see(".compare", "Wheals")
	b.see(".chip.high", "Safety")
	b.keys("f")
	b.until(`document.querySelector('[name="take-reaction"][value="union"]') && !document.querySelector('.pick input:checked')`, "that nothing of an allergy is chosen by nobody")
	b.until(`document.getElementById('to-preview').disabled`, "no preview before each field is chosen")
	b.shoot("conflict-fields")
	to := func(field string) {
		for range 6 {
			b.keys(kb.ArrowUp)
		}
		for range 6 {
			if b.text(`document.activeElement.name`) == "take-"+field {
				break
			}
			b.keys(kb.ArrowDown)
		}
	}
	to("criticality")
	b.keys("1")
	to("reaction")
	b.keys(kb.ArrowRight)
	b.until(`document.querySelector('[name="take-criticality"][value="0"]').checked && document.querySelector('[name="take-reaction"][value="union"]').checked`, "the first version of the risk, and all reactions together")
	to("note")
	b.keys("2")
	b.until(`document.querySelector('[name="take-note"][value="1"]').checked`, "the second version of the remark")
	b.visit("/conflicts/AllergyIntolerance/a8")
	b.until(`document.querySelector('[name="take-note"][value="1"]')?.checked && document.querySelector('[name="take-reaction"][value="union"]').checked`, "what was chosen, after a reload")
	to("onsetDateTime")
	b.keys(kb.ArrowRight)
	b.until(`document.querySelector('[name="take-onsetDateTime"][value="0"]').checked && !document.getElementById('to-preview').disabled`, "the last choice")
	b.keys(kb.Enter)
	b.see(".preview", "told twice")
	b.see(".preview", "Cough")
	b.missing(".preview", "Old")
	b.shoot("conflict-preview")
	b.unhurried()
	b.keys(kb.Enter)
	b.missing("h1", "Aspirin")
	got := shown(t, d, "AllergyIntolerance/a8")
	want := body("high", "told twice", "1999", item("Rash"), item("Wheals"), item("Cough"))
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}

	b.see("button.keep", "Keep")
	record := strings.TrimPrefix(b.text(`location.pathname`), "/conflicts/")
	second := headIDs(t, d, record)[1]
	body2, err := d.store.Version(t.Context(), recordOf(t, record), second)
	if err != nil {
		t.Fatal(err)
	}
	b.keys("1")
	b.keys(kb.ArrowRight)
	b.until(`document.activeElement === document.querySelectorAll('button.keep')[1]`, "the second version to have the focus")
	b.unhurried()
	b.keys(kb.Enter)
	b.until(`location.pathname !== '/conflicts/`+record+`'`, "the next conflict")
	if got := shown(t, d, record); got != string(body2.Body) {
		t.Errorf("got %s, want %s", got, body2.Body)
	}
}

// The upper row of a Belgian keyboard gives & é " without Shift: the place of a key counts as well as what it gives.
func TestConflictByTheNumbersOfABelgianKeyboard(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	press := func(key, code string) {
		t.Helper()
		b.run(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: ` + quote(key) + `, code: ` + quote(code) + `, bubbles: true, cancelable: true}))`)
	}
	b.visit("/conflicts/DocumentReference/n9")
	b.see("button.keep", "")
	for _, c := range []struct {
		key, code string
		place     string
	}{{"é", "Digit2", "1"}, {`"`, "Digit3", "2"}, {"&", "Digit1", "0"}, {"2", "Digit2", "1"}, {"3", "Numpad3", "2"}, {"End", "Numpad1", "2"}, {"1", "", "0"}, {"à", "Digit0", "0"}} {
		press(c.key, c.code)
		b.until(`document.activeElement === document.querySelectorAll('button.keep')[`+c.place+`]`, c.key+" of "+c.code+" to choose place "+c.place)
	}
	record, _, _ := torn(d)
	b.visit("/conflicts/" + record)
	b.click("#by-field", "")
	b.until(`document.querySelector('[name="take-criticality"][value="0"]')`, "the fields")
	b.run(`document.querySelector('[name="take-criticality"]').focus()`)
	press("é", "Digit2")
	b.until(`document.querySelector('[name="take-criticality"][value="1"]').checked`, "the second version of a field")
}

func TestConflictFilters(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/conflicts")
	b.see(".filters", "")
	b.until(`document.querySelectorAll('tbody tr').length === 3 && document.querySelectorAll('.filters [name=patient] option').length === 4`, "three conflicts of three patients")
	choose := func(name, value string) {
		b.run(`(() => { const s = document.querySelector('.filters [name=` + name + `]'); s.value = ` + quote(value) + `; s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	}
	choose("kind", "AllergyIntolerance")
	b.until(`document.querySelectorAll('tbody tr').length === 1 && location.search === '?kind=AllergyIntolerance'`, "the allergy alone")
	choose("patient", "p4")
	b.see(".nothing", "No conflict fits")
	choose("kind", "")
	b.until(`document.querySelectorAll('tbody tr').length === 1`, "the conflict of one patient")
	b.click("tbody a.icon-button", "")
	b.see(".crumbs", "1 conflict left")
	b.click(".crumbs a", "All conflicts")
	b.until(`document.querySelectorAll('tbody tr').length === 1`, "the filter to be kept")
	b.click(".filters button", "Show all")
	b.until(`document.querySelectorAll('tbody tr').length === 3 && location.search === ''`, "all again")
	choose("user", "dr-1")
	b.until(`document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody').innerText.includes('Claes')`, "what one user wrote")
}

// The table of conflicts follows whatever changes what it says, and not their number alone.
func TestConflictTableIsLive(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/conflicts")
	b.until(`document.querySelectorAll('tbody tr').length === 3 && !document.getElementById('written')`, "three conflicts, and a page that listens")
	row := `[data-record='MedicationStatement/m9']`
	d.arrives("Patient/p4", "p4", "dr-1", person("p4", "Renamed", "Rita", "1944-02-29", "female"), shownID(t, d, "Patient/p4"))
	b.see(row, "Renamed")
	heads := stateOf(t, d, "MedicationStatement/m9").Heads
	d.arrives("MedicationStatement/m9", "p4", "dr-1", strings.Replace(string(heads[0].Body), "tablet", "capsule", 1), heads[0].Event.Parents...)
	b.until(`document.querySelector("`+row+` td[data-label]").textContent === '3'`, "a third version")
	b.run(`document.querySelector('.filters [name=patient]').focus()`)
	d.arrives("Patient/p4", "p4", "dr-1", person("p4", "Again", "Rita", "1944-02-29", "female"), shownID(t, d, "Patient/p4"))
	b.see(row, "Again")
	b.run(`document.querySelector('.filters [name=patient]').blur()`)
	b.until(`document.querySelector('.filters [name=patient]').textContent.includes('Again')`, "the new name among the choices, once nobody holds them")
}

func recordOf(t *testing.T, name string) events.Record {
	t.Helper()
	r, err := events.ParseRecord(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// torn is an allergy that two desks changed: one the risk, the other since when it is known. The last is the root.
func torn(d *desk) (record string, versions [3]events.ID, body func(risk, since string) string) {
	body = func(risk, since string) string {
		return `{"resourceType":"AllergyIntolerance","id":"a8","patient":{"reference":"Patient/p8"},"code":{"text":"Aspirin"},"criticality":"` + risk + `","onsetDateTime":"` + since + `"}`
	}
	record = "AllergyIntolerance/a8"
	root := d.arrives(record, "p8", "dr-1", body("low", "1998"))
	a := d.arrives(record, "p8", "dr-2", body("high", "1998"), root)
	b := d.arrivesFrom(d.here, record, "p8", "nurse-1", body("low", "1999"), root)
	return record, [3]events.ID{a, b, root}, body
}

// Only what differs is in the table; what all versions have is folded below it, and closed.
func TestWhatIsEqualIsFolded(t *testing.T) {
	d := newDesk(t)
	morning(d)
	record, _, _ := torn(d)
	b := openBrowser(t, d)
	b.visit("/conflicts/" + record)
	b.see(".compare", "High risk")
	b.see("details.same summary", "")
	b.until(`!document.querySelector('details.same').open && document.querySelector('details.same').textContent.includes('Aspirin')`, "what is equal, folded")
	b.until(`!document.querySelector('.compare').textContent.includes('Aspirin') && document.querySelectorAll('.compare tbody tr').length === 2`, "the two fields that differ, alone")
	b.missing("details.same", "Aspirin")
	b.click("details.same summary", "")
	b.see("details.same", "Aspirin")
}

// What is decided is what the preview said, also where the versions were written anew beside it: as when somebody is
// called otherwise, or what waited has come to the server.
func TestWhatThePreviewSaidIsDecided(t *testing.T) {
	d := newDesk(t)
	morning(d)
	record, _, body := torn(d)
	b := openBrowser(t, d)
	b.visit("/conflicts/" + record)
	b.see(".compare thead", "Marc Dubois")
	b.click("#by-field", "")
	b.until(`document.querySelector('[name="take-criticality"][value="0"]')`, "the fields")
	b.run(`document.querySelector('[name="take-criticality"][value="1"]').click()`)
	b.run(`document.querySelector('[name="take-onsetDateTime"][value="1"]').click()`)
	b.click("#to-preview", "")
	b.see(".preview", "Low risk")
	d.arrives("Practitioner/dr-2", "", "dr-1", `{"resourceType":"Practitioner","id":"dr-2","name":[{"family":"Dupont","given":["Marc"]}]}`, shownID(t, d, "Practitioner/dr-2"))
	settled := "MedicationStatement/m9"
	d.arrives(settled, patientOf(t, d, settled), "dr-2", shown(t, d, settled), headIDs(t, d, settled)...)
	b.see(".compare thead", "Marc Dupont")
	b.until(`document.querySelector('[name="take-criticality"][value="1"]').checked`, "what was chosen")
	b.see(".preview", "Low risk")
	b.unhurried()
	b.click(".preview .keep", "")
	b.see(".note.decided", "Aspirin was settled")
	if got, want := shown(t, d, record), body("low", "1999"); got != want {
		t.Errorf("got\n%s, want what the preview said\n%s", got, want)
	}
}

// A version that comes puts no other one under a finger: the focus stays with its version, and what is pressed within a moment does nothing.
func TestWhatComesIsNotKeptByChance(t *testing.T) {
	d := newDesk(t)
	morning(d)
	record, versions, body := torn(d)
	b := openBrowser(t, d)
	b.visit("/conflicts/" + record)
	b.see(".compare", "1999")
	b.run(`document.querySelectorAll('button.keep')[1].focus()`)
	b.run(`new MutationObserver((_, seen) => { seen.disconnect(); setTimeout(() => { for (const button of document.querySelectorAll('button.keep')) button.click(); window.pressed = true; }); }).observe(document.getElementById('versions'), { childList: true })`)
	third := d.arrives(record, "p8", "dr-2", body("unable-to-assess", "1998"), versions[0])
	b.see(".note.changed", "changed elsewhere")
	b.until(`window.pressed`, "a hurried press")
	b.until(`document.activeElement.dataset.version === '`+versions[1].String()+`' && document.querySelectorAll('button.keep')[0] === document.activeElement`, "the focus with its version, which is in another place")
	b.unhurried()
	if state := stateOf(t, d, record); !state.Conflict || len(state.Heads) != 2 || state.Heads[1].Event.ID != third {
		t.Errorf("got %+v, want that nothing was settled", state.Heads)
	}
	b.until(`!document.querySelector('button.keep:disabled')`, "no choice on its way")
	b.run(`document.activeElement.click()`)
	b.see(".note.decided", "Aspirin was settled")
	if got, want := shown(t, d, record), body("low", "1999"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

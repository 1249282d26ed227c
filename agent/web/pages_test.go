package web_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/carelog/carelog/events"
)

func TestPagesAndAssets(t *testing.T) {
	d := newDesk(t)
	for path, want := range map[string]int{
		"/": 200, "/patients/p1": 200, "/new-patient": 200, "/patients/new": 200, "/conflicts": 200, "/conflicts/Condition/c1": 404, "/sync": 200, "/sumehr": 200, "/sumehr/p1": 200, "/sumehr/p1/x": 404,
		"/nothing": 404, "/patients": 404, "/patients/p1/x": 404, "/conflicts/Condition": 404,
		"/assets/js/main.js": 200, "/assets/css/base.css": 200, "/assets/html/page.html": 404, "/assets/js/joined.js": 200, "/assets/js/others.js": 200, "/assets/css/joined.css": 200, "/assets/nothing.js": 404, "/assets/": 404, "/assets/../web.go": 404,
	} {
		answer, text := d.ask("GET", path, "")
		if answer.StatusCode != want {
			t.Errorf("GET %s: got %s, want %d", path, answer.Status, want)
		}
		if csp := answer.Header.Get("Content-Security-Policy"); want == 200 && (!strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe")) {
			t.Errorf("GET %s: got policy %q, want a strict one", path, csp)
		}
		if strings.Contains(text, "style=") || strings.Contains(text, "onclick=") {
			t.Errorf("GET %s: there is code or style inside the HTML", path)
		}
	}
	// Under the name of its version a file is kept for ever, and under that of another there is none.
	_, index := d.ask("GET", "/", "")
	kept := regexp.MustCompile(`src="(/assets/[0-9a-f]{16}/js/joined.js)"`).FindStringSubmatch(index)
	if kept == nil {
		t.Fatalf("got %s, want the name of a version in it", index)
	}
	if answer, _ := d.ask("GET", kept[1], ""); answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("got %s and %q, want a file that is kept", answer.Status, answer.Header.Get("Cache-Control"))
	}
	if answer, _ := d.ask("GET", "/assets/0123456789abcdef/js/main.js", ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %s of another version, want 404", answer.Status)
	}
	answer, _ := d.ask("GET", "/assets/js/main.js", "")
	again, text := d.ask("GET", "/assets/js/main.js", "", "If-None-Match: "+answer.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || text != "" {
		t.Errorf("the same file again: got %s and %d bytes, want 304 and none", again.Status, len(text))
	}
	if answer, _ := d.ask("POST", "/", ""); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /: got %s, want 405", answer.Status)
	}
}

// A page asks for its modules and words together: what is found only when something else has come is late.
func TestWhatIsPreloaded(t *testing.T) {
	d := newDesk(t)
	for path, want := range map[string][]string{"/": {"words/fr.js"}, "/patients/p1": {"words/fr.js", "js/others.js"}, "/sync": {"words/fr.js", "js/others.js"}} {
		_, page := d.ask("GET", path, "", "Accept-Language: pt, fr-BE;q=0.8, nl;q=0.5")
		var named []string
		for _, m := range regexp.MustCompile(`modulepreload" href="/assets/[0-9a-f]{16}/([^"]+)"`).FindAllStringSubmatch(page, -1) {
			named = append(named, m[1])
		}
		if !slices.Equal(named, want) {
			t.Errorf("%s names %v, want %v", path, named, want)
		}
	}
}

// Text has two weights and few sizes: of each pair a browser asks the system, and draws its letters anew, before the first paint.
func TestFewSizesOfText(t *testing.T) {
	d := newDesk(t)
	_, styles := d.ask("GET", "/assets/css/joined.css", "")
	allowed := map[string][]string{"font-weight": {"400", "600"}, "font-size": {".875rem", "1rem", "1.125rem", "1.375rem", "1.75rem"}}
	small := []string{".7em", ".75rem", "10pt"} // signs that a script or a choice draws, and paper
	for _, m := range regexp.MustCompile(`(font-weight|font-size): ([^;}]+)`).FindAllStringSubmatch(styles, -1) {
		if !slices.Contains(allowed[m[1]], m[2]) && !slices.Contains(small, m[2]) {
			t.Errorf("there is a %s of %s, want one of %v", m[1], m[2], allowed[m[1]])
		}
	}
}

func TestJavaScriptModules(t *testing.T) {
	d := newDesk(t)
	b := openBrowser(t, d)
	if wrong := b.text(moduleTests); wrong != "" {
		t.Errorf("wrong:\n%s", wrong)
	}
}

func TestSearch(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.see("tbody", "Bogaert")
	b.shoot("patients")
	for typed, want := range map[string]string{
		"marie jans": "Janssens Marie", "peeters, JAN": "Peeters Jan", "amelie": "Fontaine Amélie", "12/03/1957": "Janssens Jan",
		"1961": "Bogaert", "57.03.12-999.53": "Janssens Jan", "57031299953": "Janssens Jan",
	} {
		b.run(search(typed))
		b.until(`document.querySelectorAll('tbody tr').length === 1 && document.querySelector('tbody').innerText.includes(`+quote(want)+`)`, want+" alone for "+typed)
	}
	b.run(search("nobody at all"))
	b.see(".count", "Nobody found")
	b.visit("/?q=janssens")
	b.see(".count", "2 patients")
	d.arrives("Patient/new", "new", "dr-2", person("new", "Janssens", "Zoë", "2001-01-01", "female"))
	b.see("tbody", "Zoë")
	b.click("a.row-link", "Zoë")
	b.see("h1", "Zoë Janssens")
	b.see(".safety", "No allergies registered")
}

// The first key after a rest asks at once, in both searches; what follows waits for the keys to pause, and only its end is asked.
func TestTheFirstKeyAsksAtOnce(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.run(`(() => { const real = fetch; window.asked = []; window.fetch = (where, how) => { if (/Patient\?|patients\?/.test(where)) window.asked.push(String(where)); return real(where, how); };
		window.askedBy = (id, ...texts) => { const input = document.getElementById(id); window.asked = [];
			return texts.map((text) => { input.value = text; input.dispatchEvent(new Event('input', {bubbles: true})); return window.asked.length; }).join(); }; })()`)
	if got := b.text(`askedBy('search', 'p', 'pe', 'pee')`); got != "1,1,1" {
		t.Errorf("the page of the patients: the keys asked %s times, want the first at once and no other yet", got)
	}
	b.until(`window.asked.length === 2 && window.asked[1].includes('text=pee')`, "what was typed in the end to be asked")
	b.run(`document.getElementById('find').click()`)
	if got := b.text(`askedBy('find-input', 'p', 'pe', 'pee', 'peet')`); got != "0,1,1,1" {
		t.Errorf("the search from anywhere: the keys asked %s times, want the second letter at once and no other yet", got)
	}
	b.until(`window.asked.length === 2 && window.asked[1].includes('name=peet')`, "what was typed in the end to be asked")
	b.see("#find-list", "Peeters")
}

// Ctrl K opens the search from anywhere, also while somebody types; / does, or goes to the search of the page, and types itself in a form.
func TestKeysOfTheSearch(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	addNote(b, "Blood pressure ")
	b.run(`(() => { const t = document.querySelector('.form [name=text]'); t.focus(); t.setSelectionRange(99, 99); })()`)
	b.keys("138/84")
	b.until(`document.querySelector('.form [name=text]').value === 'Blood pressure 138/84'`, "the slash in the note")
	b.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.until(`document.activeElement.id === 'find-input'`, "the focus in the search")
	b.keys("peeters")
	b.see("#find-list", "Peeters")
	b.keys(kb.Escape)
	b.until(`!document.querySelector('dialog') && document.querySelector('.form [name=text]').value === 'Blood pressure 138/84'`, "the note as it was")
	b.run(`document.activeElement.blur()`)
	b.keys("/")
	b.until(`document.activeElement.id === 'find-input'`, "the focus in the search")
	b.keys("peeters")
	b.see("#find-list", "Peeters")
	b.keys(kb.Enter)
	b.see("h1", "Jan Peeters")
	b.visit("/")
	b.run(`document.activeElement.blur()`)
	b.keys("/")
	b.until(`document.activeElement.id === 'search'`, "the focus in the search of the page")
}

// Enter opens the first of those that were looked for, and nobody of an earlier list that is still there.
func TestEnterWaitsForWhatWasTyped(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.until(`document.querySelectorAll('#found tbody a').length > 1`, "the list of all")
	b.run(`void (() => { const i = document.getElementById('search'); for (const text of ['p', 'peeters']) { i.value = text; i.dispatchEvent(new Event('input', {bubbles: true})); }
		i.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})); })()`)
	b.until(`location.pathname.startsWith('/patients/')`, "a dossier")
	b.see("h1", "Peeters")

	b.visit("/")
	b.run(`document.getElementById('find').click()`)
	b.run(`window.look = (text) => { const i = document.getElementById('find-input'); i.value = text; i.dispatchEvent(new Event('input', {bubbles: true})); return i; }`)
	b.run(`void look('peeters')`)
	b.see("#find-list", "Peeters")
	b.run(`void (() => { window.fetch = async () => { throw new TypeError('there is no answer'); };
		look('aerts').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})); })()`)
	b.until(`document.querySelector('.find [role=status]').textContent !== '' || location.pathname !== '/'`, "what went wrong")
	if path := b.text(`location.pathname`); path != "/" {
		t.Errorf("Enter opened %s, of an earlier list", path)
	}
}

func search(text string) string {
	return `(() => { const i = document.getElementById('search'); i.value = ` + quote(text) + `; i.dispatchEvent(new Event('input', {bubbles: true})); })()`
}

// TestDossierPage writes each kind of registration, and looks at what stands in the store.
func TestDossierPage(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.see("h1", "Jan Janssens")
	b.see(".safety", "Penicillin")
	b.see(".safety", "Ibuprofen")
	b.until(`document.title.includes('Jan Janssens') && document.title.startsWith('●')`, "the name and the light in the title")
	b.shoot("dossier")

	add := func(section string) { b.click(".section-"+section+" .section-head button", "Add") }
	add("DocumentReference")
	b.fill("text", "Éénmalig: wound dressed.\nCome back Thursday.")
	b.shoot("dossier-form")
	b.click(".form button[type=submit]", "Save")
	b.see(".registration-text", "Come back Thursday.")
	add("Condition")
	b.fill("problem", "Laceration of the hand")
	b.fill("since", "2026-13-01")
	b.click(".form button[type=submit]", "Save")
	b.see(".field-error", "Write a date as")
	b.fill("since", "2026-11")
	b.click(".form button[type=submit]", "Save")
	b.see(".section-Condition .registrations", "Laceration")
	add("AllergyIntolerance")
	b.fill("substance", "Latex")
	b.fill("criticality", "high")
	b.fill("reaction", "Wheals")
	b.click(".form button[type=submit]", "Save")
	b.see(".safety", "Latex")
	add("MedicationStatement")
	b.fill("medicine", "Paracetamol 1 g")
	b.fill("dose", "At most 3 a day")
	b.click(".form button[type=submit]", "Save")
	b.see(".section-MedicationStatement", "Paracetamol")
	b.missing(".form", "")

	// A change keeps every byte that the form does not show, but the figures of a dose whose words are changed.
	b.click("[data-record='MedicationStatement/m1'] button", "Edit")
	b.fill("remark", "weekly box")
	b.click(".form button[type=submit]", "Save")
	b.missing(".form", "")
	if body := shown(t, d, "MedicationStatement/m1"); !strings.Contains(body, `"value":1.00`) || !strings.Contains(body, "weekly box") {
		t.Errorf("got %s, want the new words and the old digits", body)
	}
	b.see("[data-record='MedicationStatement/m1']", "1 tablet with breakfast and with supper · 1.00 tablet")
	b.click("[data-record='MedicationStatement/m1'] button", "Edit")
	b.see(".form", "What you change here takes their place")
	b.fill("dose", "1 tablet with supper")
	b.click(".form button[type=submit]", "Save")
	b.see("[data-record='MedicationStatement/m1']", "1 tablet with supper")
	b.missing(".form", "")
	if body := shown(t, d, "MedicationStatement/m1"); strings.Contains(body, "doseAndRate") || !strings.Contains(body, "1 tablet with supper") {
		t.Errorf("got %s, want the new words without the old figures", body)
	}
	state, err := d.store.Dossier(t.Context(), "p7", "AllergyIntolerance")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range state {
		if strings.Contains(string(s.Shown.Body), "Latex") && !strings.Contains(string(s.Shown.Body), `"patient":{"reference":"Patient/p7"}`) {
			t.Errorf("got %s, want an allergy of the patient", s.Shown.Body)
		}
	}

	b.click("[data-record='AllergyIntolerance/a2'] button", "Delete")
	b.see("dialog", "Grass pollen")
	b.click("dialog button", "Cancel")
	b.until(`!document.querySelector('dialog')`, "no dialog")
	b.click("[data-record='AllergyIntolerance/a2'] button", "Delete")
	b.click("dialog button[type=submit]", "Delete")
	b.missing(".safety", "Grass pollen")
}

func TestNewPatientAndUser(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.until(`document.querySelectorAll('#user option').length === 4`, "three people to choose from")
	b.run(`(() => { const s = document.getElementById('user'); s.value = 'nurse-1'; s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	b.click("a.button", "New patient")
	b.fill("family", "Nguyen")
	b.fill("given", "Linh Mai")
	b.fill("ssin", "90.01.01-001.00")
	b.fill("birthDate", "1990-01-01")
	b.click(".form button[type=submit]", "Save")
	b.see("h1", "Linh Mai Nguyen")
	id := b.text(`location.pathname.split('/')[2]`)
	if body := shown(t, d, "Patient/"+id); !strings.Contains(body, `"given":["Linh","Mai"]`) || !strings.Contains(body, "90010100100") {
		t.Errorf("got %s, want both names and the number as digits", body)
	}
	state, err := d.store.Record(t.Context(), events.Record{Type: "Patient", ID: id})
	if err != nil || state.Shown.Event.Author != "nurse-1" {
		t.Errorf("got author %q (%v), want the one who was chosen", state.Shown.Event.Author, err)
	}
}

func TestDraftsSurvive(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click(".section-DocumentReference .section-head button", "Add")
	b.fill("text", "Half a sentence")
	b.until(`Object.keys(localStorage).filter((k) => k.startsWith('carelog.draft.')).length === 1`, "the draft to be kept")
	b.visit("/patients/p7")
	b.see(".form .note", "has not been saved yet")
	b.until(`document.querySelector('.form [name=text]').value === 'Half a sentence'`, "the text")

	// The answer is lost, the write is made: pressing Save again must not make two.
	d.set(func() { d.drop = 100 }) // a browser tries again by itself
	b.click(".form button[type=submit]", "Save")
	b.see(".trouble", "does not answer")
	d.set(func() { d.drop = 0 })
	b.click(".form button[type=submit]", "Save")
	b.missing(".form", "")
	b.see(".registration-text", "Half a sentence")
	b.until(`document.querySelectorAll('.registration-text').length === 4 && Object.keys(localStorage).filter((k) => k.startsWith('carelog.draft.')).length === 0`, "one note more, and no draft")
}

func TestEditMeetsAnotherEdit(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click("[data-record='Condition/d2'] button", "Edit")
	b.fill("remark", "Measures at home")
	was := shownID(t, d, "Condition/d2")
	d.arrives("Condition/d2", "p7", "dr-2", strings.Replace(shown(t, d, "Condition/d2"), "High blood pressure", "Hypertension, grade 2", 1), was)
	b.see("[data-record='Condition/d2']", "Hypertension")
	b.click(".form button[type=submit]", "Save")
	b.see(".stale", "Hypertension, grade 2")
	b.shoot("stale")
	b.click(".stale button", "Save mine on top")
	b.see("[data-record='Condition/d2']", "Measures at home")
	if body := shown(t, d, "Condition/d2"); !strings.Contains(body, "Hypertension, grade 2") || !strings.Contains(body, "Measures at home") {
		t.Errorf("got %s, want both changes", body)
	}

	b.click("[data-record='Condition/d1'] button", "Edit")
	b.see(".hint", "carries a code (T90)")
	b.fill("remark", "Diet")
	d.arrives("Condition/d1", "p7", "dr-2", "", shownID(t, d, "Condition/d1"))
	b.click(".form button[type=submit]", "Save")
	b.see(".stale", "Somebody deleted this")
	b.click(".stale button", "as a new registration")
	b.see(".section-Condition .registrations", "Diet")
	b.see(".section-Condition .registrations", "Type 2 diabetes")
}

func TestOfflineAndQueue(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click("#light", "Online")
	b.see("#light-details", "Last agreement")
	b.shoot("light")
	b.click("#light-details button", "Work offline")
	b.see("#light", "Offline")
	b.until(`document.title.startsWith('○')`, "the mark of the light in the title")
	b.see("#light-details button", "Work online")
	b.click("h1", "Jan Janssens")
	b.click(".section-DocumentReference .section-head button", "Add")
	b.fill("text", "Written without a server")
	b.click(".form button[type=submit]", "Save")
	b.see(".registration", "Written without a server")
	b.see(".badge.queued", "Not yet on the server")
	b.shoot("dossier-offline")
	d.set(func() { d.queue = nil })
	b.missing(".badge.queued", "Not yet on the server")

	waiting(d)
	b.visit("/sync")
	b.see("h2", "Set aside")
	b.see("tbody", "A letter or scan belongs in an attachment")
	b.missing("tbody", "the message is larger than it takes") // folded, since it is English
	b.shoot("sync")
	b.see(".conflicts-open", "3")
	b.see("[data-device=desk-1]", "this PC")
	b.see("[data-device=desk-2]", "behind")
	b.see("[data-device=desk-3]", "nothing heard yet")
	b.see("section", "Last synchronisations")
	b.see("section", "1,284")
	savesFiles(b)
	b.click("button", "Export")
	b.until(`window.saved?.includes('"data":"V2hhdCB3YXMgdG9vIGxhcmdl"')`, "what was set aside as a file")
	b.click("button", "Discard")
	b.run(`(() => { document.getElementById('dialog-field').value = 'typed twice'; })()`)
	b.click("dialog button[type=submit]", "Discard")
	b.missing("h2", "Set aside")
	if gone := d.discards(); len(gone) != 1 || !strings.HasSuffix(gone[0], "by dr-1: typed twice") {
		t.Errorf("got discards %q, want one with its reason", gone)
	}
	staysMissing(d)
	b.click("button", "Acknowledge")
	b.run(`(() => { document.getElementById('dialog-field').value = 'both PCs burnt'; })()`)
	b.click("dialog button[type=submit]", "Acknowledge")
	b.see("section", "Acknowledged warnings")
	b.see(".warnings.seen", "both PCs burnt")
	b.see(".warnings", "The clock of this PC is wrong")
	waiting(d)
	b.click("button", "Send again")
	b.missing("h2", "Set aside")
	d.set(func() {
		if len(d.retried) != 1 {
			t.Errorf("got %v sent again, want one", d.retried)
		}
	})
}

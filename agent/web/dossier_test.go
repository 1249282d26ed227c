package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/carelog/carelog/events"
)

// Measurements have a plot, vaccinations a section, all registrations a timeline.
func TestDossierInTime(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.see(".section-Immunization", "Influenza 2026")
	b.see(".section-Observation .plot", "7.20 %")
	b.see(".section-Observation .plot", "6.70 – 7.40")
	b.until(`document.querySelector('.plot svg').getAttribute('aria-label') === 'HbA1c: 7 values from 3 Nov 2020 to 3 Nov 2026, the last one 7.20 %'`, "the plot in words")
	b.until(`document.querySelectorAll('.plot circle').length === 7`, "a point per value")

	b.click(".section-Observation .section-head button", "Add")
	b.fill("measured", "HbA1c")
	b.fill("value", "7,x")
	b.fill("unit", "%")
	b.click(".form button[type=submit]", "Save")
	b.see(".field-error", "Write a number")
	b.fill("value", "6,50")
	b.click(".form button[type=submit]", "Save")
	b.see(".section-Observation .plot", "6.50 %")
	states, err := d.store.Dossier(t.Context(), "p7", "Observation")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, s := range states {
		found = found || strings.Contains(string(s.Shown.Body), `"value":6.50,`) || strings.Contains(string(s.Shown.Body), `"value":6.50}`)
	}
	if !found {
		t.Error("no measurement has the digits that were typed")
	}
	b.click(".section-Immunization .section-head button", "Add")
	b.fill("vaccine", "Tetanus")
	b.fill("lot", "A-17")
	b.click(".form button[type=submit]", "Save")
	b.see(".section-Immunization", "Tetanus")
	b.shoot("dossier-measurements")

	b.click(".views button", "Timeline")
	b.see(".timeline .count", "26 registrations")
	b.until(`location.search === '?view=timeline'`, "an address of its own")
	b.shoot("dossier-timeline")
	b.run(`(() => { const s = document.querySelector('.timeline select'); s.value = 'DocumentReference'; s.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	b.see(".timeline .count", "4 registrations") // three notes, and what is on the hub
	b.run(`(() => { const s = document.querySelector('.timeline input'); s.value = 'flu VACCINE'; s.dispatchEvent(new Event('input', {bubbles: true})); })()`)
	b.see(".timeline .count", "1 registration")
	b.see(".timeline .day", "14 Oct 2026")
	b.visit("/patients/p7?view=timeline")
	b.see(".timeline .count", "26 registrations")

	b.media("print")
	b.see(".printed", "Printed on "+time.Now().In(brussels(t)).Format("2 "))
	b.missing(".timeline summary", "All fields")
	b.missing(".views", "Timeline")
	b.shoot("dossier-print")
}

// What is measured has words in the language in use, by its code: those of a code are English.
func TestMeasuresInWords(t *testing.T) {
	d := newDesk(t)
	morning(d)
	observe := func(id, rest string) {
		d.arrives("Observation/"+id, "p7", "dr-1", `{"resourceType":"Observation","id":"`+id+`","status":"final","subject":{"reference":"Patient/p7"},"effectiveDateTime":"2026-11-04",`+rest+`}`)
	}
	loinc := func(code, display string) string {
		return `"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"` + display + `}]}`
	}
	part := func(code, value string) string {
		return `{` + loinc(code, "") + `,"valueQuantity":{"value":` + value + `,"unit":"mmHg"}}`
	}
	observe("bp", loinc("85354-9", "")+`,"component":[`+part("8462-4", "101")+`,`+part("8480-6", "174")+`]`)
	observe("half", loinc("85354-9", "")+`,"component":[`+part("8480-6", "173")+`]`)
	observe("ldl", loinc("13457-7", `,"display":"LDL cholesterol"`)+`,"valueQuantity":{"comparator":"<","value":40.0,"unit":"mg/dL"}`)
	observe("own", `"code":{"text":"Pulse, left","coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":70,"unit":"/min"}`)
	observe("other", `"code":{"coding":[{"system":"urn:x","code":"8867-4","display":"Not a pulse"}]},"valueQuantity":{"value":7,"unit":"x"}`)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	for _, c := range []struct{ language, pressure, systolic, ldl, value string }{
		{"EN", "Blood pressure", "Systolic", "LDL cholesterol", "<40.0 mg/dL"}, {"NL", "Bloeddruk", "Systolisch", "LDL-cholesterol", "<40,0 mg/dL"},
		{"FR", "Tension artérielle", "Systolique", "Cholestérol LDL", "<40,0 mg/dL"}, {"DE", "Blutdruck", "Systolisch", "LDL-Cholesterin", "<40,0 mg/dL"},
	} {
		b.click(".languages button", c.language)
		b.see("[data-record='Observation/bp']", c.pressure)
		b.see("[data-record='Observation/bp']", "174/101 mmHg")
		b.see("[data-record='Observation/half']", c.systolic+" 173 mmHg")
		b.see("[data-record='Observation/ldl']", c.ldl)
		b.see("[data-record='Observation/ldl']", c.value)
		b.see("[data-record='Observation/own']", "Pulse, left")
		b.see("[data-record='Observation/other']", "Not a pulse")
	}
}

func TestHistoryOfARecord(t *testing.T) {
	d := newDesk(t)
	morning(d)
	first := shownID(t, d, "Condition/d2")
	text := shown(t, d, "Condition/d2")
	second := d.arrives("Condition/d2", "p7", "dr-2", strings.Replace(text, "High blood pressure", "Hypertension, grade 2", 1), first)
	third := d.arrivesFrom(d.here, "Condition/d2", "p7", "nurse-1", strings.Replace(text, "2011-05", "2011-06", 1), second)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click("[data-record='Condition/d2'] a", "History")
	b.see("h1", "History: Problem: High blood pressure")
	b.until(`document.querySelectorAll('.versions tbody tr').length === 3`, "three versions")
	b.see(".versions", "Registered")
	b.see(".versions", "Stands now")
	b.see("#difference .differs mark", "High")
	b.click(`.versions tr:last-child input[name=from]`, "")
	b.until(`document.querySelectorAll('#difference tbody tr').length === 1`, "what differs between the first and the last")
	b.see("#difference", "Since")
	b.shoot("history")
	address := b.text(`location.pathname + location.search`)
	b.visit(address)
	b.until(`document.querySelectorAll('#difference tbody tr').length === 1`, "the same two versions at the same address")
	// Another version comes in while somebody chooses, and they go on choosing.
	b.run(`document.querySelector('.versions tr:last-child input[name=to]').focus()`)
	d.arrives("Condition/d2", "p7", "dr-2", strings.Replace(text, "2011-05", "2011-07", 1), third)
	b.until(`document.querySelectorAll('.versions tbody tr').length === 4`, "the version that came in")
	b.until(`document.activeElement.matches('.versions tr:last-child input[name=to]')`, "the focus where it was")
	b.until(`document.querySelector('.versions tr:last-child input[name=from]').checked`, "what was chosen")
	b.click(".crumbs a", "To the dossier")
	b.see("h1", "Jan Janssens")
}

func TestHistoryAPI(t *testing.T) {
	d := newDesk(t)
	root, a, b := twoHeads(d)
	var history struct {
		Patient  string
		Versions []struct {
			Event   string
			Parents []string
			Head    bool
		}
	}
	d.get("/api/history/Condition/c1", &history)
	if history.Patient != "p1" || len(history.Versions) != 3 || history.Versions[0].Event != b.String() || !history.Versions[1].Head ||
		history.Versions[2].Event != root.String() || history.Versions[2].Head || len(history.Versions[2].Parents) != 0 || history.Versions[0].Parents[0] != root.String() {
		t.Errorf("got %+v, want three versions, the newest first", history)
	}
	compare := func(from, to string) string {
		return "/api/history/Condition/c1/compare?" + url.Values{"from": {from}, "to": {to}}.Encode()
	}
	var difference struct {
		Fields []struct {
			Path string
			A, B map[string]string
		}
	}
	d.get(compare(root.String(), a.String()), &difference)
	if f := difference.Fields; len(f) != 1 || f[0].A["text"] != "Asthma" || f[0].B["text"] != "Asthma, mild" {
		t.Errorf("got %+v, want one field", difference)
	}
	d.get(compare(a.String(), a.String()), &difference)
	if len(difference.Fields) != 0 {
		t.Errorf("got %+v between a version and itself", difference)
	}
	for path, want := range map[string]int{
		"/api/history/Condition/none": 404, "/api/history/condition/c1": 400, compare("x", a.String()): 400, compare(a.String(), events.ID{}.String()): 404,
		"/api/history/Patient/p1/compare?from=" + a.String() + "&to=" + a.String(): 404,
	} {
		if answer, text := d.ask("GET", path, ""); answer.StatusCode != want {
			t.Errorf("GET %s: got %s %s, want %d", path, answer.Status, text, want)
		}
	}
}

// From anywhere, by keyboard alone.
func TestFindFromAnywhere(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/conflicts")
	b.see("tbody", "Warfarin")
	b.keys("/")
	b.see("dialog.find", "Arrows to choose")
	b.keys("janssens")
	b.until(`document.querySelectorAll('.find [role=option]').length === 2`, "two people")
	b.shoot("find")
	b.keys(kb.ArrowDown)
	b.until(`document.activeElement.getAttribute('aria-activedescendant') === 'find-1'`, "the second one")
	b.keys(kb.Enter)
	b.see("h1", "Janssens")
	b.missing("dialog.find", "")
	b.run(`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', ctrlKey: true, bubbles: true}))`)
	b.until(`document.activeElement.id === 'find-input'`, "the search by Ctrl K")
	b.keys("12 maart 1957" + kb.Enter)
	b.see("h1", "Jan Janssens")
	b.until(`!document.querySelector('dialog')`, "no dialog")
}

// brussels is where the browser of the tests stands.
func brussels(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Skip("there are no time zones on this machine")
	}
	return zone
}

// A blood pressure is typed as people write it, stands as two values with their codes, and is changed the same way.
func TestABloodPressureIsTypedAsOneValue(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.click(".section-Observation .section-head button", "Add")
	b.fill("measured", "Blood pressure")
	b.fill("value", "10/10")
	save(b)
	b.see(".form .field-error", "138/84")
	b.fill("value", "138/84")
	save(b)
	b.see(".section-Observation", "138/84 mmHg")
	b.click(".measured[aria-label='Blood pressure'] button", "Edit")
	b.until(`document.querySelector('.form [name=value]')?.value === '138/84' && document.querySelector('.form [name=unit]').value === 'mmHg'`, "the values as they were typed")
	b.fill("value", "126/80")
	save(b)
	b.see(".section-Observation", "126/80 mmHg")
}

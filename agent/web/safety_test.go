package web_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/events"
)

// ward is a dossier of which a test writes the records, and reads the page.
type ward struct {
	*desk
	t *testing.T
}

func newWard(t *testing.T) ward {
	d := newDesk(t)
	d.arrives("Patient/p1", "p1", "dr-1", patient)
	return ward{d, t}
}

func (w ward) write(record, rest string, parents ...events.ID) events.ID {
	typ, id, _ := strings.Cut(record, "/")
	return w.arrives(record, "p1", "dr-1", fmt.Sprintf(`{"resourceType":%q,"id":%q,%s}`, typ, id, rest), parents...)
}

// diverges makes a record of which two versions differ.
func (w ward) diverges(record, first, second string) {
	w.t.Helper()
	typ, id, _ := strings.Cut(record, "/")
	root := w.write(record, `"language":"nl"`)
	w.write(record, first, root)
	w.arrivesFrom(w.here, record, "p1", "dr-2", fmt.Sprintf(`{"resourceType":%q,"id":%q,%s}`, typ, id, second), root)
}

var markup = regexp.MustCompile(`<[^>]*>`)

// part is the text of a piece of the page of the dossier, between two pieces of its HTML.
func (w ward) part(language, from, to string) string {
	w.t.Helper()
	_, page := w.ask("GET", "/patients/p1", "", "Accept-Language: "+language)
	_, page, ok := strings.Cut(page, from)
	piece, _, end := strings.Cut(page, to)
	if !ok || !end {
		w.t.Fatalf("the page has no part from %s to %s", from, to)
	}
	return strings.Join(strings.Fields(html.UnescapeString(markup.ReplaceAllString(piece, " "))), " ")
}

func (w ward) panel(language string) string {
	return w.part(language, `<section class="safety`, `</section>`)
}

func (w ward) list(language, kind string) string {
	return w.part(language, `data-part="list-`+kind+`">`, `</section>`)
}

// An allergy without a code is an allergy: what names it best stands in the panel, and nothing is skipped.
func TestAllergyWithoutACodeIsShown(t *testing.T) {
	for _, c := range []struct{ name, rest, want string }{
		{"a substance", `"criticality":"high","reaction":[{"substance":{"text":"Penicillin V"},"manifestation":[{"text":"anaphylaxis"}]}]`, "Penicillin V High risk"},
		{"a note", `"criticality":"high","note":[{"text":"swells up from shrimps"}]`, "swells up from shrimps High risk"},
		{"a manifestation", `"reaction":[{"manifestation":[{"text":"anaphylaxis"}]}]`, "anaphylaxis"},
		{"a description", `"reaction":[{"description":"collapsed"}]`, "collapsed"},
		{"a narrative", `"text":{"div":"<div>Bee stings</div>"}`, "Bee stings"},
		{"a blank", `"code":{"text":"  "},"criticality":"high"`, "Allergy (not named) High risk"},
		{"nothing", `"criticality":"high"`, "Allergy (not named) High risk"},
	} {
		w := newWard(t)
		w.write("AllergyIntolerance/a1", c.rest)
		if got := w.panel("en"); !strings.Contains(got, c.want) || strings.Contains(got, "No allergies") {
			t.Errorf("%s: the panel says %q, want %q", c.name, got, c.want)
		}
		if got := w.list("en", "AllergyIntolerance"); !strings.Contains(got, strings.Fields(c.want)[0]) {
			t.Errorf("%s: the list says %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRowsAreNeverWithoutAWord(t *testing.T) {
	w := newWard(t)
	w.write("Condition/c1", `"recordedDate":"2026"`)
	w.write("MedicationStatement/m1", `"status":"active"`)
	w.write("Immunization/i1", `"occurrenceDateTime":"2026"`)
	for kind, want := range map[string]string{"Condition": "Problem (not named)", "MedicationStatement": "Medication (not named)", "Immunization": "Vaccination (not named)"} {
		if got := w.list("en", kind); !strings.Contains(got, want) {
			t.Errorf("the list says %q, want %q", got, want)
		}
	}
}

func TestMedicationByReference(t *testing.T) {
	w := newWard(t)
	w.arrives("Medication/med7", "", "dr-1", `{"resourceType":"Medication","id":"med7","code":{"text":"Digoxin 0.25 mg"}}`)
	w.write("MedicationStatement/m1", `"status":"active","medicationReference":{"reference":"#m"},"contained":[{"resourceType":"Medication","id":"m","code":{"text":"Warfarin 5 mg"}}]`)
	w.write("MedicationStatement/m2", `"status":"active","medicationReference":{"reference":"Medication/med7"}`)
	w.write("MedicationStatement/m3", `"status":"active","medicationReference":{"reference":"Medication/gone"}`)
	w.write("MedicationStatement/m4", `"status":"active","medicationReference":{"identifier":{"value":"CNK 1234-567"}}`)
	w.write("MedicationStatement/m5", `"status":"active","medicationReference":{"reference":"#x"},"contained":[{"resourceType":"Medication","id":"x","ingredient":[{"itemCodeableConcept":{"text":"Codeine"}},{"itemCodeableConcept":{"text":"Paracetamol"}}]}]`)
	got := w.list("en", "MedicationStatement")
	for _, want := range []string{"Warfarin 5 mg", "Digoxin 0.25 mg", "Medication (not named): Medication/gone", "CNK 1234-567", "Codeine, Paracetamol"} {
		if !strings.Contains(got, want) {
			t.Errorf("the list says %q, want %q", got, want)
		}
	}
}

// What a reference leads to is named wherever a record is shown member by member, also beside another version of it.
func TestReferencesAreNamed(t *testing.T) {
	w := newWard(t)
	w.arrives("Practitioner/dr-1", "", "dr-1", `{"resourceType":"Practitioner","id":"dr-1","name":[{"family":"Claes","given":["Els"]}]}`)
	w.arrives("Medication/med7", "", "dr-1", `{"resourceType":"Medication","id":"med7","code":{"text":"Digoxin 0.25 mg"}}`)
	w.arrives("Medication/med8", "", "dr-1", `{"resourceType":"Medication","id":"med8","code":{"text":"Bisoprolol 5 mg"}}`)
	first := w.write("MedicationStatement/m1", `"status":"active","informationSource":{"reference":"Practitioner/dr-1"},"medicationReference":{"reference":"Medication/med7"}`)
	w.write("MedicationStatement/m1", `"status":"active","informationSource":{"reference":"Practitioner/gone"},"medicationReference":{"reference":"Medication/med8"}`, first)
	_, page := w.ask("GET", "/history/MedicationStatement/m1", "", "Accept-Language: nl")
	for _, want := range []string{"Digoxin 0.25 mg", "Bisoprolol 5 mg", "Els Claes", "Practitioner/gone"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if strings.Contains(page, "Medication/med") {
		t.Errorf("a reference stands where its name could, in\n%s", page)
	}
}

// What is refuted or was entered in error is no allergy and no problem: it stands with what is over, with its
// word and no warning, and the panel agrees.
func TestWhatDoesNotHoldIsFolded(t *testing.T) {
	words := map[string][2]string{"en": {"Refuted", "Entered in error"}, "nl": {"Weerlegd", "Foutief ingevoerd"}, "fr": {"Réfuté", "Saisi par erreur"}, "de": {"Widerlegt", "Irrtümlich eingetragen"}}
	w := newWard(t)
	void := func(code string) string {
		return clinical("", "active") + `,"verificationStatus":{"coding":[{"code":"` + code + `"}]},"criticality":"high","code":{"text":"Thing ` + code + `"}`
	}
	for _, code := range []string{"refuted", "entered-in-error"} {
		w.write("AllergyIntolerance/"+code, void(code))
		w.write("Condition/"+code, void(code))
	}
	w.write("Observation/o1", `"status":"entered-in-error","code":{"text":"Weight"},"valueQuantity":{"value":7,"unit":"kg"}`)
	w.write("Immunization/i1", `"status":"entered-in-error","vaccineCode":{"text":"Flu"}`)
	w.write("Immunization/i2", `"status":"not-done","vaccineCode":{"text":"Tetanus"}`)
	for language, want := range words {
		not := map[string]string{"en": "Not done", "nl": "Niet gedaan", "fr": "Non effectué", "de": "Nicht durchgeführt"}[language]
		if got := w.list(language, "Immunization"); !strings.HasPrefix(got, "2 ") || !strings.Contains(got, want[1]) || !strings.Contains(got, not) {
			t.Errorf("Immunization in %s: got %q, want both folded, with %q and %q", language, got, want[1], not)
		}
		for _, kind := range []string{"AllergyIntolerance", "Condition"} {
			got := w.list(language, kind)
			summary := strings.Index(got, map[string]string{"en": "2 no longer", "nl": "2 niet meer", "fr": "2 ne sont plus", "de": "2 nicht mehr"}[language])
			if summary != 0 || !strings.Contains(got, "refuted "+want[0]) || !strings.Contains(got, "entered-in-error "+want[1]) {
				t.Errorf("%s in %s: got %q, want both folded, with %q", kind, language, got, want)
			}
		}
		if got := w.list(language, "Observation"); !strings.HasPrefix(got, "1 ") || !strings.Contains(got, want[1]) {
			t.Errorf("Observation in %s: got %q, want it folded, with %q", language, got, want[1])
		}
	}
	if _, page := w.ask("GET", "/patients/p1", ""); strings.Contains(page, "chip high") {
		t.Error("what does not hold is marked as dangerous")
	}
	if got := w.panel("en"); got != "No active allergies" && !strings.HasSuffix(got, "No active allergies") {
		t.Errorf("the panel says %q, want no active allergies", got)
	}
}

// "No allergies registered" is said where there are none, and not where those that there are are over.
func TestPanelOfWhatIsOver(t *testing.T) {
	w := newWard(t)
	if got := w.panel("en"); !strings.HasSuffix(got, "No allergies registered") {
		t.Errorf("the panel says %q", got)
	}
	latex := `"code":{"text":"Latex"},`
	w.diverges("AllergyIntolerance/a1", latex+clinical("", "inactive"), latex+clinical("", "resolved"))
	if got := w.panel("en"); !strings.HasSuffix(got, "No active allergies") {
		t.Errorf("the panel says %q", got)
	}
	egg := `"code":{"text":"Egg"},`
	w.diverges("AllergyIntolerance/a2", egg+clinical("", "inactive"), `"code":{"text":"Egg"}`)
	if got := w.panel("en"); !strings.Contains(got, "Egg in conflict") {
		t.Errorf("the panel says %q, want the version that does not say that it is over", got)
	}
}

// Of two allergies of a name the more dangerous one stands, and every conflict of both.
func TestAllergiesOfOneName(t *testing.T) {
	w := newWard(t)
	body := func(rest string) string { return `"code":{"text":"Latex"}` + rest }
	w.diverges("AllergyIntolerance/a1", body(`,"criticality":"low"`), body(`,"criticality":"low","note":[{"text":"x"}]`))
	w.write("AllergyIntolerance/a2", body(`,"criticality":"high"`))
	w.diverges("AllergyIntolerance/a3", body(``), body(`,"note":[{"text":"x"}]`))
	if got := w.panel("en"); !strings.Contains(got, "Latex High risk in conflict in conflict") {
		t.Errorf("the panel says %q, want one line with the danger and both conflicts", got)
	}
	_, page := w.ask("GET", "/patients/p1", "")
	for _, id := range []string{"a1", "a3"} {
		if !inTurn(page, `class="safety`, `/conflicts/AllergyIntolerance/`+id, `data-part="waits"`) {
			t.Errorf("the panel has no way to the conflict of %s", id)
		}
	}
}

// A conflict of who somebody is stands where they are named.
func TestConflictOfThePersonIsInTheHead(t *testing.T) {
	w := newWard(t)
	root := shownID(t, w.desk, "Patient/p1")
	version := func(rest string) string {
		return `{"resourceType":"Patient","id":"p1","name":[{"family":"Peeters","given":["Jan"]}],` + rest + `}`
	}
	w.arrives("Patient/p1", "p1", "dr-1", version(`"birthDate":"1951-01-02"`), root)
	w.arrivesFrom(w.here, "Patient/p1", "p1", "dr-2", version(`"birthDate":"1957-03-04","deceasedDateTime":"2026-02-03"`), root)
	got := w.part("en", `<header class="dossier-head"`, `<section class="safety`)
	for _, want := range []string{"2 Jan 1951", "4 Mar 1957", "Deceased 3 Feb 2026"} {
		if !strings.Contains(got, want) {
			t.Errorf("the head says %q, want %q", got, want)
		}
	}
}

func TestTimelineLooksAtEveryVersion(t *testing.T) {
	w := newWard(t)
	w.diverges("Condition/c1", `"code":{"text":"Gout"}`, `"code":{"text":"Arthritis"}`)
	for _, text := range []string{"gout", "arthritis", "neither"} {
		_, page := w.ask("GET", "/patients/p1?view=timeline&text="+text, "")
		if got, want := inTurn(page, `data-part="timeline">`, `data-record="Condition/c1"`), text != "neither"; got != want {
			t.Errorf("%s: found %v, want %v", text, got, want)
		}
	}
}

// What can be no id is no page, and says so in the reader's language.
func TestAddressesOfNothing(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"/patients/a_b", "/conflicts/Condition/a_b", "/conflicts/condition/a", "/history/Condition/a_b", "/sumehr/a_b", "/nothing"} {
		answer, page := d.ask("GET", path, "", "Accept-Language: nl")
		if answer.StatusCode != 404 || !inTurn(page, "<title>Deze pagina bestaat niet", "<h1>Deze pagina bestaat niet", "Naar de patiënten") {
			t.Errorf("%s: got %s %s", path, answer.Status, page)
		}
	}
}

// A page that only its script can make says so, and not that it shows how things stood.
func TestPagesOfScriptsSaySo(t *testing.T) {
	d := newDesk(t)
	for path, want := range map[string]bool{"/conflicts/Condition/c1": false, "/history/Condition/c1": true, "/new-patient": true, "/conflicts": false, "/patients/p1": false} {
		_, page := d.ask("GET", path, "", "Accept-Language: en")
		if strings.Contains(page, "made by JavaScript") != want || strings.Contains(page, "how things stood") == want {
			t.Errorf("%s: got %s, want it to need scripts: %v", path, page, want)
		}
	}
}

// A mark in a name that turns the text around it turns nothing.
func TestNamesTurnNoText(t *testing.T) {
	d := newDesk(t)
	d.arrives("Patient/p1", "p1", "dr-1", person("p1", "Pee\u202eters\u2067", "Jan", "1957-03-12", "male"))
	for _, path := range []string{"/", "/patients/p1"} {
		if _, page := d.ask("GET", path, ""); strings.ContainsAny(page, "\u202e\u2067") || !strings.Contains(page, "Peeters") {
			t.Errorf("%s: got %q", path, page)
		}
	}
}

// What makes a registration graver or less sure, and what was found, is said where it stands in a list: nobody opens each.
func TestWhatIsGraveOrUnsureIsSaid(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		high             bool
	}{
		{"a severe reaction", `{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"reaction":[{"manifestation":[{"text":"Rash"}],"severity":"severe"}]}`, "Rash Severe reaction", true},
		{"a severe reaction beside a low risk", `{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"criticality":"low","reaction":[{},{"severity":"severe"}]}`, "Low risk, Severe reaction", true},
		{"a mild reaction", `{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"criticality":"low","reaction":[{"severity":"mild"}]}`, "Low risk", false},
		{"an allergy that is not sure", `{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"verificationStatus":{"coding":[{"code":"unconfirmed"}]}}`, "Not confirmed", false},
		{"a problem that is not sure", `{"resourceType":"Condition","code":{"text":"Angina"},"verificationStatus":{"coding":[{"code":"differential"}]}}`, "One of several possible", false},
		{"a problem that is sure", `{"resourceType":"Condition","code":{"text":"Angina"},"clinicalStatus":{"coding":[{"code":"recurrence"}]},"verificationStatus":{"coding":[{"code":"confirmed"}]}}`, "Returned", false},
		{"a remark", `{"resourceType":"Observation","code":{"text":"Pulse"},"valueQuantity":{"value":140,"unit":"/min"},"note":[{"text":"after running"}]}`, "140 /min. after running", false},
		{"a whole number", `{"resourceType":"Observation","code":{"text":"Pain"},"valueInteger":7}`, "7", false},
		{"yes", `{"resourceType":"Observation","code":{"text":"Pregnant"},"valueBoolean":true}`, "yes", false},
		{"from to", `{"resourceType":"Observation","code":{"text":"Dip"},"valueRange":{"low":{"value":1.50,"unit":"g"},"high":{"value":2,"unit":"g"}}}`, "1.50 g – 2 g", false},
		{"a titre", `{"resourceType":"Observation","code":{"text":"Titre"},"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}}`, "1 / 128", false},
		{"a day", `{"resourceType":"Observation","code":{"text":"Last period"},"valueDateTime":"2026-10-02"}`, "2 Oct 2026", false},
		{"nothing was found", `{"resourceType":"Observation","code":{"text":"Pulse"},"dataAbsentReason":{"text":"refused"}}`, "refused", false},
		{"a part of another form", `{"resourceType":"Observation","code":{"text":"Score"},"component":[{"code":{"text":"Eyes"},"valueInteger":4}]}`, "Eyes 4", false},
	} {
		about, _, high, _ := web.Described("en", []byte(c.body))
		if got := strings.TrimSpace(about[1] + " " + about[2]); got != c.want || high != c.high {
			t.Errorf("%s: got %q, high %t; want %q, high %t", c.name, got, high, c.want, c.high)
		}
	}
}

// A line is drawn of what has one unit, and a value that is only a bound is said to be one.
func TestALineIsOfOneUnit(t *testing.T) {
	w := newWard(t)
	measured := func(name, quantity string, days ...int) {
		for _, day := range days {
			w.write(fmt.Sprintf("Observation/%s-%d", name, day), fmt.Sprintf(`"status":"final","code":{"text":%q},"effectiveDateTime":"2026-03-%02d","valueQuantity":{%s}`, name, day, quantity))
		}
	}
	measured("CRP", `"value":40,"unit":"mg/L"`, 1, 2)
	measured("CRP", `"value":5,"comparator":"<","unit":"mg/L"`, 3)
	measured("Glucose", `"value":110,"code":"mg/dL"`, 1, 2)
	measured("Glucose", `"value":6.1,"code":"mmol/L"`, 3, 4)
	if got, want := w.part("en", `<figure`, `</figure>`), "CRP <5 mg/L <5 – 40"; !strings.HasSuffix(got, want) {
		t.Errorf("the line says %q, want %q at its end", got, want)
	}
	if _, page := w.ask("GET", "/patients/p1", "", "Accept-Language: en"); strings.Count(page, "<figure") != 1 {
		t.Errorf("got %d lines, want one: two values of a unit are no line", strings.Count(page, "<figure"))
	}
}

// A blood pressure can be changed like any other measurement, and two lines are drawn of it.
func TestBloodPressureHasItsLinesAndItsForm(t *testing.T) {
	w := newWard(t)
	for day, values := range [][2]int{{152, 94}, {148, 92}, {131, 80}} {
		part := func(code string, value int) string {
			return fmt.Sprintf(`{"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"valueQuantity":{"value":%d,"unit":"mmHg"}}`, code, value)
		}
		w.write(fmt.Sprintf("Observation/bp%d", day), fmt.Sprintf(`"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2026-03-%02d","component":[%s,%s]`,
			day+1, part("8462-4", values[1]), part("8480-6", values[0])))
	}
	if got, want := w.part("en", `<figure`, `</figure>`), "Blood pressure 131/80 mmHg 131 – 152 / 80 – 94"; !strings.HasSuffix(got, want) {
		t.Errorf("the lines say %q, want %q at their end", got, want)
	}
	if got := w.part("en", `<figure`, `</figure>`); !strings.Contains(got, "1 Mar 2026: 152/94") {
		t.Errorf("the lines say %q, want both figures of a day together", got)
	}
	_, page := w.ask("GET", "/patients/p1", "", "Accept-Language: en")
	if lines := strings.Count(page, "<polyline"); lines != 2 {
		t.Errorf("got %d lines, want 2", lines)
	}
	if !strings.Contains(page, `aria-label="Edit: Blood pressure"`) {
		t.Error("a blood pressure cannot be changed")
	}
}

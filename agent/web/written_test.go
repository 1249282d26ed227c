package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
)

// languages are those in which the pages speak.
var languages = []string{"nl", "fr", "de", "en"}

// writtenPages are those that the desk writes, with something that is on each.
var writtenPages = map[string]string{
	"/": "Bogaert", "/conflicts": "Warfarin 5 mg", "/conflicts/MedicationStatement/m9": "half a tablet", "/conflicts/DocumentReference/n9": "kitchen", "/history/MedicationStatement/m9": "half a tablet", "/patients/p7": "Metformin 850 mg", "/patients/p7?view=timeline": "Influenza 2026", "/patients/p11": "House call", "/patients/nobody": "", "/sync": "Consultation room 1", "/sumehr": "Wim Jozef Bogaert",
}

// asWritten is what a page shows as the desk writes it, and what it shows after its modules have come to
// life on it and have asked for all of it again; blanks do not count.
const asWritten = `(async () => {
	const shown = (element) => element.innerText.replace(/\s+/g, ' ').trim();
	const html = await (await fetch(location.pathname + location.search)).text();
	const given = new DOMParser().parseFromString(html, 'text/html').getElementById('main');
	const main = document.getElementById('main');
	const live = shown(main);
	main.before(given);
	const written = shown(given);
	given.remove();
	return JSON.stringify([written, live]);
})()`

// What the desk writes is what the page shows once its modules have come to life, in every language.
func TestWrittenIsWhatTheModulesShow(t *testing.T) {
	d := newDesk(t)
	morning(d)
	waiting(d)
	b := openBrowser(t, d)
	for _, language := range languages {
		b.run(`(() => { document.cookie = 'carelog-language=` + language + `; path=/'; })()`)
		for path, has := range writtenPages {
			b.visit(path)
			b.until(`!document.getElementById('written')`, "a page that listens")
			var both [2]string
			if err := json.Unmarshal([]byte(b.text(asWritten)), &both); err != nil {
				t.Fatal(err)
			}
			if both[0] != both[1] || both[0] == "" || !strings.Contains(both[0], has) {
				t.Errorf("%s in %s: the desk writes\n%s\nand the modules show\n%s", path, language, both[0], both[1])
			}
		}
	}
}

// Where no script runs the page shows what was so when it was written, with the light of then, and says
// that it is not live.
func TestPagesWithoutScripts(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for path, has := range writtenPages {
		b.do(chromedp.Navigate(b.url + path))
		b.see("#written", "does not follow what happens yet")
		b.see("#light", "Online")
		b.see("main", has)
	}
}

// A page of which the modules never come says so by itself, after a while.
func TestPageWithoutItsModulesSaysSo(t *testing.T) {
	d := newDesk(t)
	morning(d)
	_, page := d.ask("GET", "/conflicts", "", "Accept-Language: en")
	if !strings.Contains(page, `id="written"`) {
		t.Fatalf("got %s, want the words", page)
	}
	b := openBrowser(t, d)
	b.until(`!document.getElementById('written')`, "a page that listens")
	b.run(`(() => { const p = document.createElement('p'); p.id = 'written'; p.className = 'banner'; p.textContent = 'as it was'; document.body.prepend(p); p.getAnimations()[0].currentTime = 7000; })()`)
	b.until(`!document.getElementById('written').checkVisibility({ visibilityProperty: true })`, "nothing for some seconds")
	b.run(`(() => { document.getElementById('written').getAnimations()[0].currentTime = 8001; })()`)
	b.see("#written", "as it was")
}

// describedBodies are resources of every kind and form that the pages tell in words.
var describedBodies = []string{
	`{"resourceType":"AllergyIntolerance","criticality":"high","reaction":[{"substance":{"text":"Penicillin V"},"manifestation":[{"text":"anaphylaxis"}],"description":"d"}]}`,
	`{"resourceType":"AllergyIntolerance","note":[{"text":"from shrimps"}],"verificationStatus":{"coding":[{"code":"refuted"}]},"criticality":"high"}`,
	`{"resourceType":"AllergyIntolerance","code":{"text":" "}}`, `{"resourceType":"AllergyIntolerance","reaction":[{"manifestation":[{"text":"rash"}]}]}`,
	`{"resourceType":"Condition","verificationStatus":{"coding":[{"code":"entered-in-error"}]},"text":{"div":"<div>Gout</div>"}}`, `{"resourceType":"Condition"}`, `{"resourceType":"Immunization","status":"entered-in-error"}`, `{"resourceType":"Immunization","status":"not-done","vaccineCode":{"text":"Flu"}}`,
	`{"resourceType":"MedicationStatement","status":"active","medicationReference":{"reference":"#m"},"contained":[{"id":"m","code":{"text":"W"}}]}`, `{"resourceType":"MedicationStatement"}`,
	`{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/med7"}}`, `{"resourceType":"MedicationRequest","medicationReference":{"identifier":{"value":"CNK 1"}}}`,
	`{"resourceType":"MedicationRequest","medicationReference":{"reference":"#m"},"contained":[{"id":"m","ingredient":[{"itemCodeableConcept":{"text":"A"}},{},{"itemCodeableConcept":{"text":"B"}}]}]}`,
	`{"resourceType":"Condition","code":{"text":"Asthma"},"clinicalStatus":{"coding":[{"code":"resolved"}]},"onsetDateTime":"2019-01","note":[{"text":"a"},{"text":"b"},{}]}`,
	`{"resourceType":"Condition","code":{"coding":[{"code":"T90"},{"code":"x","display":"Diabetes"}]},"clinicalStatus":{"coding":[{"code":"recurrence"}]},"recordedDate":"2026-02-03T10:00:00+01:00"}`,
	`{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"criticality":"high","clinicalStatus":{"coding":[{"code":"inactive"}]},"reaction":[{"manifestation":[{"text":"Rash"},{"coding":[{"code":"9"}]}]},{}],"onsetPeriod":{"start":"2001"},"note":[{"text":"n"}]}`,
	`{"resourceType":"MedicationStatement","status":"on-hold","medicationCodeableConcept":{"text":"X 5 mg"},"dosage":[{"text":"one"},{"text":"two"}],"effectivePeriod":{"start":"2014-06-01"}}`,
	`{"resourceType":"MedicationRequest","status":"completed","medicationReference":{"display":"Y"},"dosageInstruction":[{"text":"z"}],"authoredOn":"2026-01-02"}`,
	`{"resourceType":"Immunization","vaccineCode":{"text":"Flu"},"occurrenceDateTime":"2026-10-14","lotNumber":"A","status":"completed"}`,
	`{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":101.0,"unit":"mmHg"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":174,"unit":"mmHg"}}]}`,
	`{"resourceType":"Observation","code":{"text":"LDL"},"valueQuantity":{"comparator":"<","value":40.00,"unit":"mg/dL"},"effectiveInstant":"2026-11-04T08:15:00Z"}`,
	`{"resourceType":"AllergyIntolerance","code":{"text":"Latex"},"criticality":"low","verificationStatus":{"coding":[{"code":"unconfirmed"}]},"reaction":[{"manifestation":[{"text":"Rash"}],"severity":"severe"},{"severity":"mild"}]}`,
	`{"resourceType":"Condition","code":{"text":"Angina"},"verificationStatus":{"coding":[{"code":"differential"}]}}`,
	`{"resourceType":"Condition","code":{"text":"Shingles"},"clinicalStatus":{"coding":[{"code":"resolved"}]},"onsetDateTime":"2025-11","abatementDateTime":"2026-03-04"}`,
	`{"resourceType":"Condition","code":{"text":"Pregnancy"},"clinicalStatus":{"coding":[{"code":"active"}]},"abatementPeriod":{"start":"2998","end":"2999-05"}}`,
	`{"resourceType":"Condition","code":{"text":"Asthma"},"abatementAge":{"value":12,"unit":"a"}}`, `{"resourceType":"Condition","code":{"text":"Measles"},"clinicalStatus":{"coding":[{"code":"inactive"}]},"abatementString":"as a child"}`,
	`{"resourceType":"Observation","code":{"text":"Pain"},"valueInteger":7,"note":[{"text":"at night"}]}`, `{"resourceType":"Observation","code":{"text":"Pregnant"},"valueBoolean":false}`,
	`{"resourceType":"Observation","code":{"text":"Potassium"},"valueQuantity":{"value":6.80,"unit":"mmol/l"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"HH"}]}],"referenceRange":[{"low":{"value":3.50,"unit":"mmol/l"},"high":{"value":5.0,"unit":"mmol/l"}}],"note":[{"text":"haemolysed?"}]}`,
	`{"resourceType":"Observation","code":{"text":"Sodium"},"valueQuantity":{"value":140,"unit":"mmol/l"},"interpretation":[{"coding":[{"system":"http://hl7.org/fhir/v2/0078","code":"N"}]}],"referenceRange":[{"low":{"value":135}},{"high":{"value":180,"unit":"mg/dL"},"type":{"coding":[{"code":"therapeutic"}]},"appliesTo":[{"text":"diabetes"}],"age":{"low":{"value":18,"unit":"a"}},"text":"aim"},{"text":"see the letter"}]}`,
	`{"resourceType":"Observation","code":{"text":"Blood count"},"component":[{"code":{"text":"Hb"},"valueQuantity":{"value":8.1,"unit":"g/dL"},"interpretation":[{"coding":[{"code":"L"}]},{"text":"falling"}],"referenceRange":[{"low":{"value":12,"unit":"g/dL"},"high":{"value":0.17,"unit":"kg/L"}}]},{"code":{"text":"WBC"},"valueQuantity":{"value":7,"unit":"G/L"}}]}`,
	`{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":174,"unit":"mmHg"},"interpretation":[{"coding":[{"code":"H"}]}],"referenceRange":[{"high":{"value":140,"unit":"mmHg"}}]},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"unit":"mmHg"}}]}`,
	`{"resourceType":"Observation","code":{"text":"Smokes"},"valueCodeableConcept":{"coding":[{"display":"never"}]}}`,
	`{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/plain","url":"Binary/b1","title":"letter.txt"}}]}`,
	`{"resourceType":"DocumentReference","description":"Letter","type":{"text":"Note"},"date":"2026-11-20T09:12:00+01:00","status":"superseded","content":[{"attachment":{"contentType":"application/pdf","title":"scan.pdf"}}]}`,
	`{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"text/plain","data":"w6kK"}}],"context":{"period":{"start":"2020"}}}`,
	`{"resourceType":"DocumentReference","status":"superseded","date":"2026-01-02","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"published"}]}],"masterIdentifier":{"value":"/subject/1"}}`,
	`{"resourceType":"Consent","status":"active","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-therapeuticlinktype","code":"gmd"}]}],"provision":{"period":{"start":"2020-01-02","end":"2021"}}}`,
	`{"resourceType":"Consent","status":"inactive","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"publish"}]}],"provision":{"type":"deny"}}`,
	`{"resourceType":"Procedure","code":{"text":"Suture"},"performedPeriod":{"start":"2026-03-04T10:00:00Z","end":"2026-03-04"},"status":"completed","performer":[{"actor":{"reference":"Practitioner/x","display":"Dr X"}}],"extension":[{"url":"u","valueDecimal":1.00,"valueBoolean":true}]}`,
	`{"resourceType":"Encounter","text":{"div":"<div>Seen <b>at home</b></div>"},"period":{"start":"2026-05-06"},"class":{"system":"s","code":"HH","display":"home"},"serviceType":{"coding":[{"code":"124"}]},"identifier":[{"system":"i","value":"7"}]}`,
	`{"resourceType":"Patient","id":"p","name":[{"use":"old","family":"Old"},{"use":"official","family":"Smet","given":["An","Bo"]}],"gender":"female","birthDate":"1980-01-02","telecom":[{"system":"phone","value":"016","use":"home"}],"address":[{"line":["Kerkstraat 1"],"city":"Leuven"}]}`,
}

// dosedBodies are medicines with every member that a dose may have.
func dosedBodies() (bodies []string) {
	for _, dose := range everyDose {
		bodies = append(bodies, `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"M"},"dosage":[`+dose+`]}`)
	}
	return bodies
}

// What a resource says in words, and its members, is as testdata/said.txt has it, in every language. With
// CARELOG_UPDATE=1 the file is written anew: read what changed.
func TestWhatResourcesSay(t *testing.T) {
	var all strings.Builder
	for _, language := range languages {
		for _, body := range append(dosedBodies(), describedBodies...) {
			about, past, high, fields := web.Described(language, []byte(body))
			fmt.Fprintf(&all, "%s %s\n  %q past %t high %t\n", language, body, about, past, high)
			for _, f := range fields {
				fmt.Fprintf(&all, "  %s: %q\n", f[0], f[1])
			}
		}
	}
	const file = "testdata/said.txt"
	if os.Getenv("CARELOG_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("it says otherwise than before (-before +now):\n%s", diff)
	}
}

// Whatever form a resource has, it is told in every language: each of the samples has a title or words for that it has none.
func TestEverySampleIsTold(t *testing.T) {
	for name, sample := range sampletest.All(t, 40) {
		entries := []json.RawMessage{sample}
		if sampletest.Packed(name) {
			entries = sampletest.Entries(t, sample)
		}
		for _, body := range entries[:min(len(entries), 40)] {
			head, err := fhirjson.Check(body)
			if err != nil {
				continue
			}
			for _, language := range languages {
				about, _, _, fields := web.Described(language, body)
				named := slices.Contains([]string{"AllergyIntolerance", "Condition", "Immunization", "MedicationRequest", "MedicationStatement", "Patient"}, head.ResourceType)
				if named && about[0] == "" || len(fields) == 0 {
					t.Errorf("%s: %s says nothing of %.200s", name, language, body)
				}
			}
		}
	}
}

// An allergy that one version of a conflict says is over is not folded away with what is over; one that is
// over by all of them is, and its list says so and stands open.
func TestConflictsOfWhatIsOverAreSeen(t *testing.T) {
	d := newDesk(t)
	morning(d)
	diverge := func(id, first, second string) {
		body := func(state, rest string) string {
			return `{"resourceType":"AllergyIntolerance","id":"` + id + `","patient":{"reference":"Patient/p7"},"code":{"text":"Substance ` + id + `"},` + clinical("AllergyIntolerance", state) + rest + `}`
		}
		root := d.arrives("AllergyIntolerance/"+id, "p7", "dr-1", body("active", ""))
		d.arrives("AllergyIntolerance/"+id, "p7", "dr-2", body(first, `,"note":[{"text":"a"}]`), root)
		d.arrivesFrom(d.here, "AllergyIntolerance/"+id, "p7", "nurse-1", body(second, `,"note":[{"text":"b"}]`), root)
	}
	d.arrives("AllergyIntolerance/quiet", "p8", "dr-1", `{"resourceType":"AllergyIntolerance","id":"quiet","patient":{"reference":"Patient/p8"},"code":{"text":"Egg"},`+clinical("AllergyIntolerance", "resolved")+`}`)
	diverge("half", "resolved", "active")
	diverge("both", "resolved", "inactive")
	b := openBrowser(t, d)
	b.visit("/patients/p7")
	b.see("[data-part=list-AllergyIntolerance] > .portions [data-record='AllergyIntolerance/half']", "Conflict: 2 versions")
	b.see(".section-AllergyIntolerance summary", "1 no longer active")
	b.see(".section-AllergyIntolerance summary .badge.conflict", "1 in conflict")
	b.see("details[open] [data-record='AllergyIntolerance/both']", "Conflict: 2 versions")
	b.see(".safety", "Substance half")
	b.see(".dossier-head .torn", "3 in conflict")
	b.until(`document.querySelector('.torn a').getAttribute('href') === '/conflicts?patient=p7'`, "the way to the conflicts of the patient")
	b.shoot("dossier-over-conflict")
	b.visit("/patients/p8")
	b.see(".section-AllergyIntolerance summary", "1 no longer active")
	b.until(`!document.querySelector('.section-AllergyIntolerance details').open`, "what is over and settled, folded away")
}

// The choice of who is at this PC names the person whom the desk takes them for who say nothing.
func TestUserOfThisPCIsNamed(t *testing.T) {
	d := newDesk(t)
	morning(d)
	if _, page := d.ask("GET", "/sync", "", "Accept-Language: nl", "Carelog-User: dr-1"); !strings.Contains(page, `<option value="">Els Claes (deze pc)</option>`) {
		t.Errorf("got %s, want the name of the default user", page)
	}
	b := openBrowser(t, d)
	b.until(`document.querySelectorAll('#user option').length > 2 && document.querySelector('#user option').textContent === 'Els Claes (this PC)'`, "the name among the others")
}

// Lengths and sizes are written as each language writes them, and what the light says in English is said in words.
func TestFiguresOfTheLightInWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{web.Lasts("nl", time.Second), "1 seconde"}, {web.Lasts("nl", 12*time.Second), "12 seconden"}, {web.Lasts("fr", 0), "0 seconde"}, {web.Lasts("en", 0), "0 seconds"},
		{web.Lasts("de", 91*time.Second), "2 Minuten"}, {web.Lasts("fr", 90*time.Minute), "1,5 heure"}, {web.Lasts("en", 36*time.Hour), "36 hours"}, {web.Lasts("de", 91*time.Minute), "1,5 Stunden"},
		{web.Size("en", 2_400_000), "2 MB"}, {web.Size("fr", 1_000), "1 ko"}, {web.Size("nl", 1_250_000_000), "1,3 GB"},
		{web.Reason("nl", "sending the contents of 1200 attachments", nil), "1.200 brieven of scans verzenden"},
		{web.Reason("nl", "no connection to the server: dial tcp", nil), "Geen verbinding met de server: dial tcp"},
		{web.Reason("nl", "no connection to the server: dial tcp", &agent.Problem{Code: agent.ProblemUnreachable}), "Geen verbinding met de server. De server is niet bereikbaar."},
		{web.Reason("nl", "changes are only on this PC and cannot be sent: 3", nil), "Wijzigingen staan alleen op deze pc en kunnen niet verzonden worden: 3"},
		{web.Reason("nl", "something new: 3", nil), "something new: 3"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestAgeInWords(t *testing.T) {
	day := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	for _, c := range []struct {
		code, birth string
		now         time.Time
		want        string
	}{
		{"en", "1957-03-12", day(2026, 3, 11), "68 years"}, {"en", "1957-03-12", day(2026, 3, 12), "69 years"}, {"en", "2026-01-31", day(2026, 3, 1), "1 month"},
		{"nl", "2024-04-01", day(2026, 3, 31), "23 maanden"}, {"fr", "2026-03-01", day(2026, 3, 2), "0 mois"}, {"en", "1957", day(2026, 1, 1), ""}, {"en", "2027-01-01", day(2026, 1, 1), ""},
	} {
		if got, err := web.Age(c.code, c.birth, c.now); err != nil || got != c.want {
			t.Errorf("%s on %v in %s: got %q, %v, want %q", c.birth, c.now, c.code, got, err, c.want)
		}
	}
}

// A fragment is refused as the API refuses, and who looks at a dossier or a conflict is in the trail, be it by an
// address or by a fragment.
func TestFragmentsRefuseAndAreKept(t *testing.T) {
	d := newDesk(t)
	morning(d)
	for address, want := range map[string]int{
		"/fragments/dossiers/a_b": 400, "/fragments/dossiers/nobody": 200, "/fragments/conflicts?kind=Flag": 200, "/fragments/sync": 200, "/fragments/light": 200, "/fragments/sumehr": 200, "/fragments/nothing": 404,
	} {
		if answer, text := d.ask("GET", address, ""); answer.StatusCode != want {
			t.Errorf("%s: got %s %s, want %d", address, answer.Status, text, want)
		}
	}
	if answer, _ := d.ask("POST", "/fragments/sync", ""); answer.StatusCode != 405 {
		t.Errorf("POST: got %s, want 405", answer.Status)
	}
	looks := func(address string) (seen []string) {
		d.set(func() { d.looks = nil })
		d.ask("GET", address, "", "Carelog-User: nurse-1")
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, e := range d.looks {
			seen = append(seen, e.Agent+" "+string(e.Did)+" "+e.What)
		}
		return seen
	}
	for _, address := range []string{"/patients/p7", "/fragments/dossiers/p7"} {
		if got := looks(address); !slices.Contains(got, "nurse-1 read Patient/p7") {
			t.Errorf("%s: the trail has %q", address, got)
		}
	}
	if got := looks("/conflicts?kind=AllergyIntolerance"); len(got) != 1 || got[0] != "nurse-1 read AllergyIntolerance/a9" {
		t.Errorf("the trail has %q, want the conflict that is shown", got)
	}
}

package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

const (
	sumehrPatient = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58031499914"}],"name":[{"family":"Voorbeeld","given":["Fictief"]}],"gender":"male","birthDate":"1958-03-14","generalPractitioner":[{"reference":"Practitioner/dr-2"}]}`
	physicianOne  = `{"resourceType":"Practitioner","id":"dr-1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000007004"}],"name":[{"family":"Een","given":["A"]}]}`
	physicianTwo  = `{"resourceType":"Practitioner","id":"dr-2","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000106003"}],"name":[{"family":"Twee","given":["B"]}]}`
	asthma        = `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Astma"},"onsetDateTime":"2001"}`
)

type sumehrJSON struct {
	Patient, Digest         string
	Publishable, Incomplete bool
	Conflicts               []string
	Findings                []struct{ Rule, Severity, Record, Text string }
	Sumehr                  struct {
		Author   struct{ Name, Number string }
		Sections []struct {
			Kind, Title string
			Lines       []struct{ Label, Begin, Record string }
		}
	}
}

func (d *desk) sumehr(query string) (answer sumehrJSON) {
	d.t.Helper()
	d.get("/api/sumehr/p1"+query, &answer)
	return answer
}

// The Sumehr of a patient is what the dossier makes now, in the name of who asks; it says
// what is wrong, what is in conflict, and that somebody looked.
func TestSumehr(t *testing.T) {
	d := newDesk(t)
	d.arrives("Practitioner/dr-2", "", "dr-1", physicianTwo)
	d.arrives("Patient/p1", "p1", "dr-1", sumehrPatient)
	root := d.arrives("Condition/c1", "p1", "dr-1", asthma)

	got := d.sumehr("?language=nl")
	if got.Sumehr.Author.Number != "10000106003" {
		t.Errorf("who asks is no Practitioner here, so the general practitioner answers for it: got %+v", got.Sumehr.Author)
	}
	if s := got.Sumehr.Sections[0]; !got.Publishable || s.Title != "Problemen" || len(s.Lines) != 1 || s.Lines[0].Label != "Astma" || s.Lines[0].Record != "Condition/c1" {
		t.Errorf("got %+v", got)
	}
	if !slices.ContainsFunc(got.Findings, func(f struct{ Rule, Severity, Record, Text string }) bool {
		return f.Rule == "code-missing" && f.Severity == "warning" && f.Record == "Condition/c1" && strings.HasPrefix(f.Text, "het heeft geen code")
	}) {
		t.Errorf("got the findings %+v", got.Findings)
	}
	d.arrives("Practitioner/dr-1", "", "dr-1", physicianOne)
	if again := d.sumehr(""); again.Sumehr.Author.Number != "10000007004" || again.Digest != got.Digest {
		t.Errorf("got the author %+v, and the digest %s, want %s", again.Sumehr.Author, again.Digest, got.Digest)
	}

	answer, text := d.ask("GET", "/api/sumehr/p1?format=xml", "")
	message, err := kmehr.Read([]byte(text))
	if err != nil || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/xml") || message.At("folder", "patient").ID("ID-PATIENT") != "58031499914" {
		t.Errorf("got %v, %s\n%s", err, answer.Header.Get("Content-Type"), text)
	}

	d.arrives("Condition/c1", "p1", "dr-1", strings.Replace(asthma, "2001", "2002", 1), root)
	d.arrivesFrom(d.here, "Condition/c1", "p1", "dr-2", strings.Replace(asthma, "2001", "2003", 1), root)
	if got := d.sumehr(""); got.Publishable || !slices.Equal(got.Conflicts, []string{"Condition/c1"}) {
		t.Errorf("a record in it is in conflict: got %v, publishable %v", got.Conflicts, got.Publishable)
	}
	d.set(func() { d.status.Incomplete = true })
	if got := d.sumehr(""); !got.Incomplete || got.Publishable {
		t.Error("not everything is here, and the Sumehr could go out")
	}
	d.mu.Lock()
	looks := slices.Clone(d.looks)
	d.mu.Unlock()
	if len(looks) != 5 || looks[0].What != "Patient/p1" || !slices.Equal(looks[0].Patients, []string{"p1"}) {
		t.Errorf("the trail has %+v", looks)
	}
}

func TestSumehrRefuses(t *testing.T) {
	d := newDesk(t)
	d.arrives("Patient/p1", "p1", "dr-1", strings.Replace(sumehrPatient, `"id":"p1"`, `"id":"p1","meta":{"security":[{"code":"R"}]}`, 1))
	for path, want := range map[string]int{
		"/api/sumehr/p1":             http.StatusUnprocessableEntity,
		"/api/sumehr/p2":             http.StatusNotFound,
		"/api/sumehr/p2?format=yaml": http.StatusBadRequest,
		"/api/sumehr/a%20b":          http.StatusBadRequest,
	} {
		answer, text := d.ask("GET", path, "")
		var said struct{ Error struct{ Code, Text string } }
		if err := json.Unmarshal([]byte(text), &said); err != nil || answer.StatusCode != want || said.Error.Text == "" {
			t.Errorf("%s: got %s %s, want %d", path, answer.Status, text, want)
		}
	}
	if answer, _ := d.ask("POST", "/api/sumehr/p1", ""); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %s", answer.Status)
	}
}

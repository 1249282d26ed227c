package fhir_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// outcome is an OperationOutcome as a client reads it.
type outcome struct {
	Issue []struct {
		Severity, Code, Diagnostics string
		Expression                  []string
	}
}

func (r reply) outcome() (o outcome) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body.Bytes(), &o); err != nil {
		r.t.Fatal(err)
	}
	return o
}

// lines are the issues as "severity code expression".
func (o outcome) lines() (lines []string) {
	for _, i := range o.Issue {
		lines = append(lines, strings.TrimSpace(i.Severity+" "+i.Code+" "+strings.Join(i.Expression, ",")))
	}
	return lines
}

// TestRefusesWhatIsNotR4: each thing that is wrong has its place, and nothing is kept.
func TestRefusesWhatIsNotR4(t *testing.T) {
	for name, row := range map[string]struct {
		body   string
		status int
		want   []string
	}{
		"a name twice":        {`{"resourceType":"Patient","id":"p1","active":true,"active":false}`, 400, []string{"error structure Patient.active"}},
		"a date that is none": {`{"resourceType":"Patient","id":"p1","birthDate":"2023-02-30"}`, 422, []string{"error value Patient.birthDate"}},
		"several": {`{"resourceType":"Patient","id":"p1","gender":"F","name":[{"given":["a",""]}],"naam":"x"}`, 422,
			[]string{"error code-invalid Patient.gender", "error value Patient.name[0].given[1]", "error structure Patient.naam"}},
		"something missing": {`{"resourceType":"Patient","id":"p1","communication":[{"preferred":true}]}`, 422, []string{"error required Patient.communication[0].language"}},
		"in another":        {`{"resourceType":"Patient","id":"p1","contained":[{"resourceType":"Organization","id":"o","name":1}]}`, 422, []string{"error value Patient.contained[0].name"}},
		"a reference to another type": {`{"resourceType":"Condition","subject":{"reference":"Practitioner/x"},"encounter":{"reference":"Patient/1"}}`, 422,
			[]string{"error value Condition.subject.reference", "error value Condition.encounter.reference"}},
		"an invariant": {`{"resourceType":"Patient","id":"p1","extension":[{"url":"u"}]}`, 422, []string{"error invariant Patient.extension[0]"}},
		"very much":    {`{"resourceType":"Patient","id":"p1","name":[` + strings.TrimSuffix(strings.Repeat(`{"x":1},`, structure.MaxIssues+1), ",") + `]}`, 422, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			typ := "Patient"
			if strings.Contains(row.body, `"Condition"`) {
				typ = "Condition"
			}
			for _, got := range []reply{
				d.do("PUT", "/fhir/"+typ+"/p1", strings.Replace(row.body, `"Condition"`, `"Condition","id":"p1"`, 1)).want(row.status),
				d.do("POST", "/fhir/"+typ, row.body).want(row.status),
			} {
				if got := got.outcome().lines(); row.want != nil && !slices.Equal(got, row.want) {
					t.Errorf("got %q, want %q", got, row.want)
				} else if row.want == nil && (len(got) != structure.MaxIssues+1 || got[structure.MaxIssues] != "information incomplete") {
					t.Errorf("got %q", got)
				}
			}
			if d.writes != 0 {
				t.Error("refused, and still written")
			}
		})
	}
}

// What the log brings was accepted elsewhere, and is read whatever it is.
func TestReadsWhatTheLogBrings(t *testing.T) {
	d := newDesk(t)
	const old = `{"resourceType":"Patient","id":"p1","x":1.00}`
	d.apply(d.other.Make(changeOf("Patient/p1", "p1", old)), []byte(old), d.next())
	got := d.ask("GET", "/fhir/Patient/p1", "").want(200)
	if !strings.Contains(got.Body.String(), `"x":1.00`) {
		t.Errorf("got %s", got.Body)
	}
	// Who writes it back is told what to correct.
	d.do("PUT", "/fhir/Patient/p1", got.Body.String()).want(422)
}

// TestWarnings: an SSIN whose check digits are wrong is kept as it is, and the client is
// told in every way of writing.
func TestWarnings(t *testing.T) {
	d := newDesk(t)
	patient := func(ssin string) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":"p1","identifier":[{"system":"%s","value":"%s"}]}`, structure.SSIN, ssin)
	}
	const header = "Patient.identifier[0].value: the check digits of the SSIN do not fit: look at the card again; it was kept as it is"
	warned := func(got reply) {
		t.Helper()
		if w := got.Header().Values(fhir.WarningHeader); !slices.Equal(w, []string{header}) {
			t.Errorf("warnings %q", w)
		}
	}
	if got := d.do("PUT", "/fhir/Patient/p1", patient("85073003328")).want(201); got.Header().Get(fhir.WarningHeader) != "" {
		t.Errorf("a right number is warned of: %v", got.Header())
	}
	got := d.do("PUT", "/fhir/Patient/p1", patient("85073003329")).want(200)
	warned(got)
	wrong := got.version()
	if v, err := d.store.Version(t.Context(), events.Record{Type: "Patient", ID: "p1"}, wrong); err != nil || string(v.Body) != patient("85073003329") {
		t.Errorf("kept %s: %v", v.Body, err)
	}
	warned(d.do("POST", "/fhir/Patient", patient("85073003329"), "Prefer: return=minimal").want(201))
	// A Bundle has no headers for its entries: each says it in its outcome.
	for _, kind := range []string{"transaction", "batch"} {
		for prefer, lines := range map[string][]string{"": {"warning value Patient.identifier[0].value"}, "Prefer: return=representation": {"warning value Patient.identifier[0].value"},
			"Prefer: return=OperationOutcome": {"information informational", "warning value Patient.identifier[0].value"}} {
			list, _ := d.do("POST", "/fhir", posted(kind, entryOf("", patient("85073003329"), "PUT", "Patient/p1", ""), entryOf("", patient("85073003328"), "POST", "Patient", "")), prefer).want(200).answered(kind + "-response")
			var said outcome
			if err := json.Unmarshal(list[0].Outcome, &said); err != nil || !slices.Equal(said.lines(), lines) || strings.Contains(string(list[1].Outcome), "warning") {
				t.Errorf("a %s with %q says %s and %s: %v", kind, prefer, list[0].Outcome, list[1].Outcome, err)
			}
		}
	}
	message := d.do("PUT", "/fhir/Patient/p1", patient("85073003320"), "Prefer: return=OperationOutcome").want(200)
	warned(message)
	if got := message.outcome().lines(); !slices.Equal(got, []string{"information informational", "warning value Patient.identifier[0].value"}) {
		t.Errorf("got %q", got)
	}
	theirs := d.elsewhere("Patient/p1", "p1", patient("85073003321"), wrong)
	warned(d.do("POST", "/fhir/Patient/p1/$resolve", parameters([]events.ID{message.version(), theirs}, `{"name":"keep","valueId":"`+theirs.String()+`"}`)).want(200))
}

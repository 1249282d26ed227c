package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// keeper takes all that it is given.
type keeper struct{ drafts []agent.Draft }

func (k *keeper) WriteMany(_ context.Context, drafts []agent.Draft) ([]agent.Outcome, error) {
	k.drafts = append(k.drafts, drafts...)
	return make([]agent.Outcome, len(drafts)), nil
}

// Transact is for what has a letter in it, and so is NameFor.
func (k *keeper) Transact(ctx context.Context, plan agent.Plan) ([]agent.Written, error) {
	drafts, err := plan(ctx)
	k.drafts = append(k.drafts, drafts...)
	return make([]agent.Written, len(drafts)), err
}

func (k *keeper) NameFor(string, int) string { return "x" }

// Record finds nothing.
func (k *keeper) Record(context.Context, events.Record) (projections.State, error) {
	return projections.State{}, projections.ErrNotFound
}

// Said finds nothing.
func (k *keeper) Said(context.Context, agent.Draft, ...[]byte) (agent.Outcome, error) {
	return agent.Outcome{}, nil
}

// NewContent is for what is too large for this keeper.
func (k *keeper) NewContent() (*attachments.Spool, error) { return nil, attachments.ErrNoRoom }

// TestDoorRefusesWhatIsNotR4: each is named with its record and what is wrong in it, the
// others go in byte for byte, and what is doubtful goes in with a warning.
func TestDoorRefusesWhatIsNotR4(t *testing.T) {
	doubtful := `{ "resourceType":"Patient", "id":"p3", "identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"85073003329"}] }`
	const elsewhere = `{"resourceType":"AllergyIntolerance","id":"a2","patient":{"identifier":{"value":"1"}}}`
	var request bytes.Buffer
	for _, l := range []intake.Line{
		{Source: "a, line 1", Type: "Patient", ID: "p1", Body: `{"resourceType":"Patient","id":"p1","birthDate":"2023-02-30"}`},
		{Source: "a, line 2", Type: "Patient", ID: "p2", Body: patient},
		{Source: "a, line 3", Type: "Patient", ID: "p3", Body: doubtful},
		{Source: "a, line 4", Type: "Project", ID: "x", Body: `{"resourceType":"Project","id":"x"}`},
		{Source: "a, line 5", Type: "Observation", ID: "o1", Body: `{"resourceType":"Observation","id":"o1","valueString":"x","valueInteger":1}`},
		{Source: "a, line 6", Type: "Patient", ID: "p4", Body: `{"resourceType":"Patient","id":"p4","id":"p5"}`},
		{Source: "a, line 7", Type: "AllergyIntolerance", ID: "a1", Body: `{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"/Patient/p1"}}`},
		{Source: "a, line 8", Type: "AllergyIntolerance", ID: "a2", Body: elsewhere},
	} {
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		request.Write(append(text, '\n'))
	}
	k := &keeper{}
	w := httptest.NewRecorder()
	intake.NewDoor(k, k, func(*http.Request) string { return "dr-1" }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/api/import", &request))
	var got intake.Result
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	want := intake.Result{
		Written: 3,
		Refused: []intake.Refusal{
			{Source: "a, line 1", Error: `Patient/p1: Patient.birthDate: "2023-02-30" is no date: want a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD`},
			{Source: "a, line 4", Error: `Project/x: Resource.resourceType: "Project" is no resource type of FHIR R4`},
			{Source: "a, line 5", Error: `Observation/o1: Observation.value: valueString and valueInteger stand both: only one of a choice can; Observation.code: it is required; Observation.status: it is required`},
			{Source: "a, line 6", Error: `Patient/p4: resource, line 1, Patient.id: the name "id" stands twice`},
			{Source: "a, line 7", Error: `AllergyIntolerance/a1: resource, line 1, AllergyIntolerance.patient: the reference "/Patient/p1" is not written as Type/id with a type of R4, and the record would be in no dossier: want Patient/<id>`},
		},
		Warnings: []intake.Warning{
			{Source: "a, line 3", Text: "Patient/p3: Patient.identifier[0].value: the check digits of the SSIN do not fit: look at the card again; it was kept as it is"},
			{Source: "a, line 8", Text: "AllergyIntolerance/a2: AllergyIntolerance.patient: it names no patient of this practice, so the record is in no dossier here: write Patient/<id> where it is one; it was kept as it is"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var kept []string
	for _, d := range k.drafts {
		kept = append(kept, string(d.Body))
	}
	if diff := cmp.Diff([]string{strings.Replace(patient, "p1", "p2", 1), doubtful, elsewhere}, kept); diff != "" {
		t.Errorf("-want +kept:\n%s", diff)
	}
}

// A request that breaks off is the caller's fault, and nothing of it was taken: it can be sent
// again.
func TestDoorTakesNothingOfWhatBreaksOff(t *testing.T) {
	line, err := json.Marshal(intake.Line{Source: "a", Type: "Patient", ID: "p2", Body: patient})
	if err != nil {
		t.Fatal(err)
	}
	for _, came := range []string{string(line) + "\n", string(line) + "\n" + string(line)[:20], ""} {
		k := &keeper{}
		w := httptest.NewRecorder()
		body := io.MultiReader(strings.NewReader(came), iotest.ErrReader(io.ErrUnexpectedEOF))
		intake.NewDoor(k, k, func(*http.Request) string { return "" }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/api/import", body))
		if w.Code != http.StatusBadRequest || len(k.drafts) != 0 {
			t.Errorf("%d bytes and no more: %d %s, %d taken", len(came), w.Code, w.Body, len(k.drafts))
		}
	}
}

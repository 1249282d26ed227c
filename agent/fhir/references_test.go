package fhir_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
)

// A reference need not point to what is here: the patient of a record may come later, from
// another desk or another file, and may be deleted, without what was written of them being
// refused or gone.
func TestWhatARecordPointsToNeedNotBeThere(t *testing.T) {
	d := people(t)
	const weight = `"status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/later"}`
	made := d.put("Observation/o1", weight).want(201)
	if warning := made.Header().Get("Carelog-Warning"); warning != "" {
		t.Errorf("an Observation of a patient who is not here: %s", warning)
	}
	if got := d.finds("Observation?patient=later"); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("of a patient who is not here is found %v", got)
	}
	d.do("GET", "/fhir/Patient/later", "").want(404)
	everything := func() []string {
		return d.do("GET", "/fhir/Patient/later/$everything", "").want(200).bundle().ids(t)
	}
	if got := everything(); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("all of a patient who is not here is %v", got)
	}

	d.put("Patient/later", `"name":[{"family":"Later"}]`).want(201)
	if got := d.finds("Observation?patient=later"); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("of a patient who came later is found %v", got)
	}
	d.do("DELETE", "/fhir/Patient/later", "").want(204)
	d.do("GET", "/fhir/Patient/later", "").want(410)
	if got := d.finds("Observation?patient=later"); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("of a patient who was deleted is found %v", got)
	}
	d.do("GET", "/fhir/Observation/o1", "").want(200)
	if got := everything(); !slices.Equal(got, []string{"o1"}) {
		t.Errorf("all of a patient who was deleted is %v", got)
	}
	d.put("Observation/o2", weight).want(201)

	d.put("Patient/later", `"name":[{"family":"Later"}]`).want(201) // as it was deleted by mistake
	if got := d.finds("Observation?patient=later"); !slices.Equal(got, []string{"o1", "o2"}) {
		t.Errorf("of a patient who came back is found %v", got)
	}
}

// A record whose reference to its patient is nearly right would be in no dossier without a
// word: it is refused by every way of writing, with the path.
func TestAReferenceThatIsNearlyThatOfAPatient(t *testing.T) {
	d := people(t)
	allergy := func(reference string) string {
		return fmt.Sprintf(`{"resourceType":"AllergyIntolerance","id":"near","code":{"text":"nuts"},"patient":{"reference":%q}}`, reference)
	}
	const sound = "Patient/p1"
	for _, reference := range []string{"/Patient/p1", "Patients/p1", "patient/p1", "p1", "fhir/Patient/p1", `Patient\p1`, "http://127.0.0.1:17980/Patient/p1", "Patient?identifier=1"} {
		for _, ask := range [][]string{{"PUT", "/fhir/AllergyIntolerance/near"}, {"POST", "/fhir/AllergyIntolerance"}} {
			got := d.do(ask[0], ask[1], allergy(reference)).want(422)
			if said := got.Body.String(); !strings.Contains(said, `"expression":["AllergyIntolerance.patient"]`) || !strings.Contains(said, "Patient/<id>") {
				t.Errorf("%s of %q: %s", ask[0], reference, said)
			}
		}
		answer := d.do("POST", "/fhir", posted("batch", entryOf("", allergy(reference), "PUT", "AllergyIntolerance/near", ""))).want(200)
		if !strings.Contains(answer.Body.String(), `"status":"422`) {
			t.Errorf("in a batch, %q: %s", reference, answer.Body)
		}
	}
	d.do("GET", "/fhir/AllergyIntolerance/near", "").want(404)

	// What is right, or is resolved, is in the dossier.
	for _, reference := range []string{sound, sound + "/_history/1", "http://127.0.0.1:17980/fhir/" + sound} {
		made := d.do("PUT", "/fhir/AllergyIntolerance/near", allergy(reference))
		if said := made.Header().Get(fhir.WarningHeader); made.Code/100 != 2 || said != "" {
			t.Errorf("%q: %d, warned of %q", reference, made.Code, said)
		}
		if got := d.finds("AllergyIntolerance?patient=p1"); !slices.Equal(got, []string{"a1", "near"}) {
			t.Errorf("%q: found %v", reference, got)
		}
	}
	d.do("PATCH", "/fhir/AllergyIntolerance/near", `[{"op":"replace","path":"/patient/reference","value":"p1"}]`, jsonPatch).want(422)

	// What is of a patient elsewhere is kept, and is said to be in no dossier.
	for _, patient := range []string{`{"reference":"https://other.example/fhir/Patient/p1"}`, `{"identifier":{"system":"s","value":"1"}}`} {
		made := d.do("POST", "/fhir/AllergyIntolerance", `{"resourceType":"AllergyIntolerance","patient":`+patient+`}`).want(201)
		if said := made.Header().Get(fhir.WarningHeader); !strings.HasPrefix(said, "AllergyIntolerance.patient: ") || !strings.Contains(said, "no dossier") {
			t.Errorf("%s: warned of %q", patient, said)
		}
	}
}

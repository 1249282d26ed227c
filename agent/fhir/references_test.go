package fhir_test

import (
	"slices"
	"testing"
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

package fhir_test

import (
	"net/http"
	"strings"
	"testing"
)

// What is not found on a desk that is still reading the log is not said to be missing.
func TestIncomplete(t *testing.T) {
	d := people(t)
	d.partial = true
	d.whole = map[string]bool{"p1": true}
	for path, incomplete := range map[string]bool{
		"/fhir/Patient?name=nobody": true, "/fhir/Patient?name=peeters": true, "/fhir/Condition?patient=p2": true, "/fhir/Patient?_id=p2": true,
		"/fhir/Condition?patient=p1": false,
	} {
		got := d.do("GET", path, "").want(http.StatusOK).Body.String()
		if strings.Contains(got, `"incomplete"`) != incomplete {
			t.Errorf("%s: incomplete %v, want %v: %s", path, !incomplete, incomplete, got)
		}
	}
	condition := `{"resourceType":"Condition","id":"none","subject":{"reference":"Patient/p1"}}`
	if got := d.do("GET", "/fhir/Condition/none", "").want(http.StatusNotFound); got.issueCode() != "incomplete" || got.Header().Get("Retry-After") == "" {
		t.Errorf("a record that may exist: %s", got.Body)
	}
	d.do("DELETE", "/fhir/Condition/none", "").want(http.StatusNotFound)
	d.whole = nil
	match := `If-Match: W/"01ARZ3NDEKTSV4RRFFQ69G5FAV"`
	if got := d.do("PUT", "/fhir/Condition/none", condition, match).want(http.StatusPreconditionFailed); got.issueCode() != "incomplete" {
		t.Errorf("a version that may exist: %s", got.Body)
	}
	d.whole = map[string]bool{"p1": true}
	if got := d.do("PUT", "/fhir/Condition/none", condition, match).want(http.StatusPreconditionFailed); got.issueCode() != "conflict" {
		t.Errorf("a version that does not exist: %s", got.Body)
	}
	d.do("PUT", "/fhir/Condition/none", condition).want(http.StatusCreated)
	d.partial = false
	if got := d.do("GET", "/fhir/Patient?name=nobody", "").want(http.StatusOK).Body.String(); strings.Contains(got, "incomplete") {
		t.Errorf("a desk that has everything: %s", got)
	}
}

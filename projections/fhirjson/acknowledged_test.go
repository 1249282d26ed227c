package fhirjson_test

import (
	"errors"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func TestAcknowledged(t *testing.T) {
	want := fhirjson.Acknowledged{Code: "events-missing", Fact: "f1", Text: `3 of device "one"`, Reason: "the PC burnt\ndown"}
	body := fhirjson.AcknowledgedResource(events.Record{Type: "Basic", ID: "w1"}, want)
	if err := structure.Check(body); err != nil {
		t.Errorf("it is no FHIR R4: %v", err)
	}
	if got, err := fhirjson.AcknowledgedOf(body); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for name, body := range map[string]string{
		"another Basic":    `{"resourceType":"Basic","id":"b","code":{"text":"referral"}}`,
		"without a fact":   `{"resourceType":"Basic","id":"b","code":{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/warning","code":"events-missing"}]}}`,
		"another resource": `{"resourceType":"Device","id":"b"}`,
	} {
		if got, err := fhirjson.AcknowledgedOf([]byte(body)); !errors.Is(err, fhirjson.ErrNoAcknowledgement) {
			t.Errorf("%s: got %+v, %v, want %v", name, got, err, fhirjson.ErrNoAcknowledgement)
		}
	}
}

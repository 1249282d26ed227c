package intake_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// FuzzRead: no panic, every error an Error, every item a resource with an id, and the
// same items from a second reading.
func FuzzRead(f *testing.F) {
	f.Add("a.json", []byte(patient))
	f.Add("a.ndjson", []byte(patient+"\n{\n"+weight))
	f.Add("a.json", []byte(bundle("transaction", `{"fullUrl":"urn:uuid:`+uuid+`","resource":`+patient+`,"request":{"method":"POST"}}`,
		`{"resource":{"resourceType":"Basic","subject":{"reference":"urn:uuid:`+uuid+`"},"author":{"reference":"Patient/p1"}}}`)))
	f.Add("a.json.gz", gzipped(f, []byte(patient)))
	f.Add("a.zip", zipped(f, "a.json", patient, "b.ndjson", weight))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		items, errs := collect(intake.Read(t.Context(), bytes.NewReader(content), name))
		for _, err := range errs {
			var at *intake.Error
			if !errors.As(err, &at) {
				t.Fatalf("got %v, want an Error", err)
			}
		}
		for _, item := range items {
			if head, err := fhirjson.Check(item.Body); err != nil || head.ResourceType != item.Type || events.ValidateID("id", item.ID) != nil {
				t.Fatalf("got %+v with %s, %v", item, item.Body, err)
			}
		}
		again, _ := collect(intake.Read(t.Context(), bytes.NewReader(content), name))
		if names(again) != names(items) {
			t.Fatalf("got %q, then %q", names(items), names(again))
		}
	})
}

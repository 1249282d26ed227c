package intake_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/inputtest"
	"github.com/carelog/carelog/projections/fhirjson"
)

// files are names and contents to begin from.
func files(t testing.TB) [][]string {
	return [][]string{
		{"a.json", patient},
		{"a.ndjson", patient + "\n{\n" + weight},
		{"a.json", bundle("transaction", `{"fullUrl":"urn:uuid:`+uuid+`","resource":`+patient+`,"request":{"method":"POST"}}`,
			`{"resource":{"resourceType":"Basic","subject":{"reference":"urn:uuid:`+uuid+`"},"author":{"reference":"Patient/p1"}}}`)},
		{"a.json.gz", string(gzipped(t, []byte(patient)))},
		{"a.zip", string(zipped(t, "a.json", patient, "b.ndjson", weight))},
	}
}

// TestAnyFile asks what FuzzRead asks, of variations of its seeds: -fuzz itself takes many
// minutes to build here.
func TestAnyFile(t *testing.T) {
	for in := range inputtest.Of(inputtest.Count, files(t)...) {
		readAny(t, in[0], []byte(in[1]))
	}
}

// FuzzRead: no panic, every error an Error, every item a resource with an id, and the
// same items from a second reading.
func FuzzRead(f *testing.F) {
	for _, seed := range files(f) {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(readAny)
}

func readAny(t *testing.T, name string, content []byte) {
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
}

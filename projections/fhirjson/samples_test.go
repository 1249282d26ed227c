package fhirjson_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
)

// allSamples is the variable with which every bundle is looked at, and not one of ten:
// with "all". Package structure looks at all of them each time.
const allSamples = "CARELOG_SAMPLES"

// samples calls f with the resources of the shared samples: the single ones, bundles, and
// each entry of a bundle as it stands in it.
func samples(t testing.TB, f func(name string, body []byte)) {
	t.Helper()
	n := 10
	if os.Getenv(allSamples) == "all" {
		n = 1
	}
	for name, body := range sampletest.All(t, n) {
		f(name, body)
		for _, entry := range sampletest.Entries(t, body) {
			f(name, entry)
		}
	}
}

// TestSamples sends the samples through what happens to a resource between the
// client that writes it and the one that reads it.
func TestSamples(t *testing.T) {
	count := 0
	samples(t, func(name string, body []byte) {
		count++
		head, err := fhirjson.Check(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id := head.ID
		if id == "" {
			id = "x"
		}
		kept, err := fhirjson.Prepare(body, id)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		stamped := fhirjson.Stamp(kept, "01J00000000000000000000000", time.Unix(0, 0), fhirjson.ConflictTag)
		if !json.Valid(stamped) {
			t.Errorf("%s %v: stamped, it is no JSON", name, head)
		}
		back, err := fhirjson.Prepare(stamped, id)
		if err != nil || !bytes.Equal(back, kept) {
			t.Errorf("%s %v: it does not come back byte for byte: %v", name, head, err)
		}
		if head.ResourceType == "Bundle" {
			return // the rest is said of its entries
		}
		if !fhirjson.Equal(body, kept) && head.ID != "" {
			t.Errorf("%s %v: what is kept has other content", name, head)
		}
		if d := fhirjson.Compare(nil, kept, stamped); len(d) != 0 {
			t.Errorf("%s %v: differs from itself in %v", name, head, d)
		}
		if _, err := fhirjson.IndexOf(kept); err != nil {
			t.Errorf("%s %v: %v", name, head, err)
		}
	})
	t.Logf("%d resources", count)
}

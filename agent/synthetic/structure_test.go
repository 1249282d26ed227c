package synthetic_test

import (
	"testing"

	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// What is made up is FHIR R4, and no number of it is doubtful.
func TestIsR4(t *testing.T) {
	count := 0
	for _, r := range generate(synthetic.Options{Seed: 7, Patients: 300}) {
		count++
		if err := structure.Check(r.Body); err != nil {
			t.Fatalf("%s: %v\n%s", r.Type, err, r.Body)
		}
		if doubts := structure.Warnings(r.Body); doubts != nil {
			t.Fatalf("%s: %v", r.Type, doubts)
		}
	}
	if count < 300 {
		t.Errorf("%d resources", count)
	}
}

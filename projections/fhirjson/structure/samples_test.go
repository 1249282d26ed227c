package structure_test

import (
	"testing"

	"github.com/carelog/carelog/projections/fhirjson/sampletest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// refused are the samples that are not R4, with the first thing that is wrong.
var refused = map[string]string{
	// Questionnaire.item.linkId is 1..1; of this example only the outermost item has one.
	"bundle-questionnaire.json": "required Questionnaire.item[0].item[0].linkId",
}

func TestSamples(t *testing.T) {
	count := 0
	n := 1
	if testing.Short() {
		n = 20
	}
	for name, body := range sampletest.All(t, n) {
		count++
		want := refused[name]
		found := issues(t, string(body))
		if want == "" && found != nil || want != "" && (len(found) == 0 || found[0] != want) {
			t.Errorf("%s: %v", name, structure.Check(body))
		}
	}
	t.Logf("%d files", count)
}

package fhir_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// resources calls f with the resources of the shared samples, each once; of bundles
// only every n-th.
func resources(t testing.TB, n int, f func(body []byte)) {
	t.Helper()
	for name, body := range sampletest.All(t, n) {
		if !sampletest.Packed(name) {
			f(body)
			continue
		}
		for _, entry := range sampletest.Entries(t, body) {
			f(entry)
		}
	}
}

// urns are references to a patient that only a transaction resolves; here they are made ids, as an
// importer would do.
var urns = regexp.MustCompile(`("(?:subject|patient|beneficiary)"\s*:\s*\{\s*"reference"\s*:\s*")urn:uuid:([0-9a-f-]{36})`)

// TestSamples: what is written comes back byte for byte, by read, vread and search.
func TestSamples(t *testing.T) {
	d := newDesk(t)
	n := 50
	if testing.Short() {
		n = 100
	}
	count := 0
	resources(t, n, func(body []byte) {
		body = urns.ReplaceAll(body, []byte("${1}Patient/$2"))
		head, err := fhirjson.Check(body)
		if err != nil {
			t.Fatal(err)
		}
		if head.ResourceType == "Parameters" || head.ResourceType == "OperationOutcome" {
			return // only ever sent, never a record
		}
		where := "/fhir/" + head.ResourceType + "/" + head.ID
		if structure.Check(body) != nil || head.ResourceType == "Subscription" { // package structure names each that is not R4
			d.do("PUT", where, string(body)).want(422)
			return
		}
		count++
		written := d.do("PUT", where, string(body))
		if written.Code != 200 && written.Code != 201 {
			t.Fatalf("%s: %d %s", where, written.Code, written.Body)
		}
		want, err := fhirjson.Prepare(body, head.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{where, where + "/_history/" + written.version().String()} {
			got := d.do("GET", path, "").want(200).Body.Bytes()
			back, err := fhirjson.Prepare(got, head.ID)
			if err != nil || !bytes.Equal(back, want) || !fhirjson.Equal(got, body) {
				t.Errorf("%s does not come back as it was written: %v", path, err)
			}
			if found := d.do("GET", "/fhir/"+head.ResourceType+"?_id="+head.ID, "").Body.Bytes(); !bytes.Contains(found, got) {
				t.Errorf("%s is not found byte for byte", where)
			}
		}
	})
	t.Logf("%d resources", count)
}

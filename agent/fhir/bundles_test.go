package fhir_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
)

// allSamples is the variable with which all bundles are taken, and not a few: with "all".
const allSamples = "CARELOG_SAMPLES"

// bundles are the transactions of the shared samples, a few of them or all.
func bundles(t testing.TB) map[string][]byte {
	t.Helper()
	files := sampletest.Files(t, "synthea/*.json.gz")
	if os.Getenv(allSamples) != "all" {
		files = []string{files[0], files[len(files)/2]}
	}
	list := make(map[string][]byte)
	for _, file := range files {
		list[filepath.Base(file)] = sampletest.Read(t, file)
	}
	return list
}

// Bundles of transactions are loaded at one desk as they are, and read back at another:
// byte for byte, but for the id and what the references have become.
func TestBundlesAreTheSameAtAnotherDesk(t *testing.T) {
	one, two := newOffice(t)
	count := 0
	for name, bundle := range bundles(t) {
		var sent struct {
			Entry []struct {
				FullURL  string
				Resource json.RawMessage
			}
		}
		if err := json.Unmarshal(bundle, &sent); err != nil {
			t.Fatal(err)
		}
		r := one.ask("POST", "/fhir", string(bundle))
		if r.Code != 200 {
			t.Fatalf("%s: %d %s", name, r.Code, r.Body)
		}
		list, _ := r.answered("transaction-response")
		if len(list) != len(sent.Entry) {
			t.Fatalf("%s: %d answers to %d entries", name, len(list), len(sent.Entry))
		}
		var back []string // what references have become, and what they were
		for i, e := range sent.Entry {
			steps := strings.Split(list[i].Location, "/")
			back = append(back, `"`+steps[4]+"/"+steps[5]+`"`, `"`+e.FullURL+`"`)
		}
		last := strings.Split(list[len(list)-1].Location, "/")
		id, err := events.ParseID(last[7])
		if err != nil {
			t.Fatal(err)
		}
		two.awaitEvent(last[4]+"/"+last[5], id)
		were := strings.NewReplacer(back...)
		for i, e := range sent.Entry {
			head, err := fhirjson.Check(e.Resource)
			if err != nil {
				t.Fatal(err)
			}
			want, err := fhirjson.Prepare(e.Resource, head.ID)
			if err != nil {
				t.Fatal(err)
			}
			_, path, _ := strings.Cut(list[i].Location, "127.0.0.1:7878")
			got, err := fhirjson.Prepare(two.ask("GET", path, "").want(200).Body.Bytes(), head.ID)
			if err != nil || were.Replace(string(got)) != string(want) {
				t.Fatalf("%s, entry %d, %s: %v: it does not come back as it was sent", name, i, path, err)
			}
			count++
		}
	}
	t.Logf("%d resources", count)
}

package intake_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"testing"

	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/projections/fhirjson/sampletest"
)

func readFile(t testing.TB, file string) []intake.Item {
	t.Helper()
	source, err := intake.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	items, errs := collect(source.Items(t.Context()))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return items
}

// allSamples is the variable with which every bundle is read, and not one of ten: with
// "all".
const allSamples = "CARELOG_SAMPLES"

// Of a bundle everything comes, and each reference leads to something in it.
func TestReadsSynthea(t *testing.T) {
	all := os.Getenv(allSamples) == "all"
	total := map[string]int{}
	reference := regexp.MustCompile(`"reference": *"([^"]*)"`)
	for i, file := range sampletest.Files(t, "synthea/*.gz") {
		if !all && i%10 != 0 {
			continue
		}
		count := map[string]int{}
		items := readFile(t, file)
		present := map[string]bool{}
		for _, item := range items {
			count[item.Type]++
			total[item.Type]++
			present[item.Type+"/"+item.ID] = true
			if item.Dangling > 0 {
				t.Errorf("%s, entry %d: %d references lead nowhere", file, item.Entry, item.Dangling)
			}
		}
		if want := typesIn(t, file); !maps.Equal(count, want) {
			t.Errorf("%s: got %v, want %v", file, count, want)
		}
		if i%10 != 0 { // it is slow
			continue
		}
		for _, item := range items {
			for _, m := range reference.FindAllSubmatch(item.Body, -1) {
				if to := string(m[1]); to[0] != '#' && !present[to] {
					t.Errorf("%s, entry %d refers to %s, which is not in the bundle", file, item.Entry, to)
				}
			}
		}
	}
	for resourceType, want := range map[string]int{"Patient": 100, "Observation": 12914, "AllergyIntolerance": 72, "ExplanationOfBenefit": 2284, "Condition": 673} {
		if all && total[resourceType] != want {
			t.Errorf("got %d of %s, want the %d of the samples' own README", total[resourceType], resourceType, want)
		}
	}
}

// typesIn counts the entries of a bundle by their type, as anybody else would read it.
func typesIn(t *testing.T, file string) map[string]int {
	t.Helper()
	var bundle struct {
		Entry []struct{ Resource struct{ ResourceType string } }
	}
	if err := json.Unmarshal(sampletest.Read(t, file), &bundle); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, e := range bundle.Entry {
		count[e.Resource.ResourceType]++
	}
	return count
}

// Beside the references, each resource has the bytes that it has in the file.
func TestSyntheaKeepsItsBytes(t *testing.T) {
	file := sampletest.Files(t, "synthea/*.gz")[0]
	var want struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(sampletest.Read(t, file), &want); err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`"(urn:uuid:|[A-Z][A-Za-z]+/)([0-9a-f-]{36})"`)
	for i, item := range readFile(t, file) {
		original := link.ReplaceAll(want.Entry[i].Resource, []byte(`"$2"`))
		if got := link.ReplaceAll(item.Body, []byte(`"$2"`)); !bytes.Equal(got, original) {
			t.Fatalf("entry %d has changed:\n%s\nwant\n%s", item.Entry, got, original)
		}
	}
}

func TestReadsSingleExamples(t *testing.T) {
	for _, file := range sampletest.Files(t, "hl7-r4-examples/*.json") {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		items := readFile(t, file)
		if len(items) == 1 && items[0].Entry == 0 && !bytes.Equal(items[0].Body, bytes.TrimSpace(bytes.TrimPrefix(want, []byte("\xef\xbb\xbf")))) {
			t.Errorf("%s has changed", file)
		}
		if len(items) == 0 {
			t.Errorf("%s: got nothing", file)
		}
	}
}

func TestReadsABelgianDocument(t *testing.T) {
	items := readFile(t, sampletest.Files(t, "be-lab/*.json")[0])
	count := map[string]int{}
	for _, item := range items {
		count[item.Type]++
	}
	if count["Patient"] != 1 || count["Composition"] != 1 || count["Observation"] == 0 {
		t.Errorf("got %v, want a laboratory report", count)
	}
}

func BenchmarkReadSynthea(b *testing.B) {
	var all []byte
	for _, file := range sampletest.Files(b, "synthea/*.gz")[:5] {
		if content := sampletest.Read(b, file); len(content) > len(all) {
			all = content
		}
	}
	b.SetBytes(int64(len(all)))
	for b.Loop() {
		for _, err := range intake.Read(b.Context(), bytes.NewReader(all), "x.json") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

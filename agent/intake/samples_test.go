package intake_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
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

func TestReadsSynthea(t *testing.T) {
	count := map[string]int{}
	reference := regexp.MustCompile(`"reference": *"([^"]*)"`)
	for i, file := range sampletest.Files(t, "synthea/*.gz") {
		items := readFile(t, file)
		present := map[string]bool{}
		for _, item := range items {
			count[item.Type]++
			present[item.Type+"/"+item.ID] = true
			if item.Dangling > 0 {
				t.Errorf("%s, entry %d: %d references lead nowhere", file, item.Entry, item.Dangling)
			}
		}
		for _, item := range items {
			if i >= 10 { // it is slow, and the counts say the same of the others
				break
			}
			for _, m := range reference.FindAllSubmatch(item.Body, -1) {
				if to := string(m[1]); to[0] != '#' && !present[to] {
					t.Errorf("%s, entry %d refers to %s, which is not in the bundle", file, item.Entry, to)
				}
			}
		}
	}
	for resourceType, want := range map[string]int{"Patient": 100, "Observation": 12914, "AllergyIntolerance": 72, "ExplanationOfBenefit": 2284, "Condition": 673} {
		if count[resourceType] != want {
			t.Errorf("got %d of %s, want the %d of the samples' own README", count[resourceType], resourceType, want)
		}
	}
}

// Beside the references, each resource has the bytes that it has in the file.
func TestSyntheaKeepsItsBytes(t *testing.T) {
	file := sampletest.Files(t, "synthea/*.gz")[0]
	packed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Entry []struct{ Resource json.RawMessage }
	}
	raw, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
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
		content := sampletest.Read(b, file)
		if len(content) > len(all) {
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

package fhirjson_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
)

// allSamples is the variable with which every bundle is looked at, and not one of ten:
// with "all". Package structure looks at all of them each time.
const allSamples = "CARELOG_SAMPLES"

// samples calls f with the resources of the shared samples: the single ones, bundles, and
// each entry of a bundle as it stands in it.
func samples(t testing.TB, f func(name string, body []byte)) {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	root := filepath.Join(dir, "..", "shared", "fhir-samples")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared samples are not beside this repository")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples under %s: %v", root, err)
	}
	for i, file := range files {
		if os.Getenv(allSamples) != "all" && strings.HasSuffix(file, ".gz") && i%10 != 0 {
			continue
		}
		body := read(t, file)
		f(filepath.Base(file), body)
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(body, &bundle); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range bundle.Entry {
			if e.Resource != nil { // a List has entries too
				f(filepath.Base(file), e.Resource)
			}
		}
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(file, ".gz") {
		return raw
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return body
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

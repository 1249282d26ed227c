package structure_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// samples calls f with every file of the shared samples: single resources, and bundles
// with what is in them.
func samples(t testing.TB, f func(name string, body []byte)) {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "shared", "fhir-samples")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared samples are not beside this repository")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples under %s: %v", root, err)
	}
	for i, file := range files {
		if testing.Short() && strings.HasSuffix(file, ".gz") && i%20 != 0 {
			continue
		}
		f(filepath.Base(file), read(t, file))
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

// refused are the samples that are not R4, with the first thing that is wrong.
var refused = map[string]string{
	// Questionnaire.item.linkId is 1..1; of this example only the outermost item has one.
	"bundle-questionnaire.json": "required Questionnaire.item[0].item[0].linkId",
}

func TestSamples(t *testing.T) {
	count := 0
	samples(t, func(name string, body []byte) {
		count++
		want := refused[name]
		found := issues(t, string(body))
		if want == "" && found != nil || want != "" && (len(found) == 0 || found[0] != want) {
			t.Errorf("%s: %v", name, structure.Check(body))
		}
	})
	t.Logf("%d files", count)
}

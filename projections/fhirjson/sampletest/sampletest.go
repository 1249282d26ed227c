package sampletest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/sharedtest"
)

// Files are those of the samples that a pattern matches, such as */*.json*.
func Files(t testing.TB, pattern string) []string {
	t.Helper()
	root := sharedtest.Folder(t, "fhir-samples")
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples %s under %s: %v", pattern, root, err)
	}
	return files
}

// All are the files with what is in them, by their names; of the packed ones, which are
// large, only every n-th.
func All(t testing.TB, n int) iter.Seq2[string, []byte] {
	t.Helper()
	return func(yield func(string, []byte) bool) {
		for i, file := range Files(t, "*/*.json*") {
			if Packed(file) && i%n != 0 {
				continue
			}
			if !yield(filepath.Base(file), Read(t, file)) {
				return
			}
		}
	}
}

// Packed reports whether a file is packed.
func Packed(file string) bool { return strings.HasSuffix(file, ".gz") }

// Read is what is in a file, unpacked.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil || !Packed(file) {
		fatal(t, err)
		return raw
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	fatal(t, err)
	body, err := io.ReadAll(z)
	fatal(t, err)
	return body
}

// Entries are the resources in the entries of a Bundle, as they stand in it; none where
// it is no Bundle.
func Entries(t testing.TB, body []byte) (list []json.RawMessage) {
	t.Helper()
	var bundle struct {
		Entry []struct{ Resource json.RawMessage }
	}
	fatal(t, json.Unmarshal(body, &bundle))
	for _, e := range bundle.Entry {
		if e.Resource != nil { // a List has entries too
			list = append(list, e.Resource)
		}
	}
	return list
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

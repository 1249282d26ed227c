package intake_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections/fhirjson"
)

const (
	patient = `{"resourceType":"Patient","id":"p1","birthDate":"1970-01-01"}`
	weight  = `{"resourceType":"Observation","id":"o1","valueQuantity":{"value":70.50}}`
)

// read reads content as a file of that name, and through a pipe, and returns what came:
// Type/id and body of each item, or the error. Both ways must give the same.
func read(t testing.TB, name string, content []byte) (items []intake.Item, errs []error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := intake.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	items, errs = collect(source.Items(t.Context()))
	piped, pipedErrs := collect(intake.Read(t.Context(), io.MultiReader(bytes.NewReader(content)), file))
	if !reflect.DeepEqual(items, piped) || len(errs) != len(pipedErrs) { // cmp takes seconds for what some files have
		t.Errorf("the pipe gives something else (-file +pipe):\n%s%v %v", cmp.Diff(items, piped), errs, pipedErrs)
	}
	for i := range items {
		items[i].Source = strings.TrimPrefix(items[i].Source, file)
	}
	p := source.Progress()
	if p.Items != int64(len(items)) || p.Broken != int64(len(errs)) || p.Bytes > p.Total || p.Total != int64(len(content)) {
		t.Errorf("got the progress %+v after %d items and %d errors of %d bytes", p, len(items), len(errs), len(content))
	}
	return items, errs
}

func collect(all func(func(intake.Item, error) bool)) (items []intake.Item, errs []error) {
	for item, err := range all {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		items = append(items, item)
	}
	return items, errs
}

func names(items []intake.Item) string {
	var list []string
	for _, i := range items {
		list = append(list, i.Type+"/"+i.ID)
	}
	return strings.Join(list, " ")
}

func bundle(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func TestForms(t *testing.T) {
	indented := "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"p1\"\n}\n"
	for _, test := range []struct {
		name, file, content string
		want                string // items
		errs                []string
	}{
		{"one resource", "a.json", patient, "Patient/p1", nil},
		{"one resource on many lines", "a.json", "\r\n" + indented, "Patient/p1", nil},
		{"the mark of UTF-8", "a.json", "\xef\xbb\xbf" + patient, "Patient/p1", nil},
		{"lines by name", "a.ndjson", patient + "\n", "Patient/p1", nil},
		{"lines by content", "a.json", patient + "\r\n\r\n" + weight, "Patient/p1 Observation/o1", nil},
		{"a broken line", "a.ndjson", patient + "\n{\"resourceType\":\n" + weight + "\n", "Patient/p1 Observation/o1", []string{"line 2"}},
		{"a line with a name twice", "a.ndjson", `{"resourceType":"Patient","id":"a","id":"b"}` + "\n" + patient, "Patient/p1", []string{"line 1"}},
		{"a first line that is broken", "a.ndjson", "oops\n" + patient, "Patient/p1", []string{"line 1"}},
		{"bundles on lines", "a.ndjson", bundle("collection", `{"resource":`+patient+`}`) + "\n" + bundle("collection", `{"resource":`+weight+`}`, `{}`), "Patient/p1 Observation/o1", []string{"line 2, entry 2"}},
		{"a bundle", "a.json", bundle("batch", `{"resource":`+patient+`}`, `{"resource":`+weight+`}`), "Patient/p1 Observation/o1", nil},
		{"a bundle that names its kind last", "a.json", `{"entry":[{"resource":` + patient + `}],"type":"collection","resourceType":"Bundle"}`, "Patient/p1", nil},
		{"a bundle with what R4 does not have", "a.json", `{"resourceType":"Bundle","type":"batch","foo":1,"entry":[{"resource":` + patient + `}]}`, "Patient/p1", []string{"Bundle.foo"}},
		{"a bundle without its kind", "a.json", `{"resourceType":"Bundle","entry":[{"resource":` + patient + `}]}`, "Patient/p1", []string{"Bundle.type"}},
		{"an entry with what R4 does not have", "a.json", bundle("batch", `{"resource":`+weight+`,"request":{"method":"PUT","url":"Observation/o1"}}`, `{"resource":`+patient+`,"request":{"method":"POST","url":"Patient","ifnoneexist":"identifier=1"}}`), "Observation/o1", []string{"Bundle.entry[1].request.ifnoneexist"}},
		{"an entry with a resource twice", "a.json", bundle("batch", `{"resource":`+patient+`,"resource":`+weight+`}`), "", []string{"stands twice"}},
		{"a bundle without entries", "a.json", `{"resourceType":"Bundle","type":"collection"}`, "", nil},
		{"an entry that is none", "a.json", bundle("batch", `7`, `{"resource":[]}`, `{"resource":`+weight+`}`), "Observation/o1", []string{"entry 1", "entry 2"}},
		{"an entry that deletes", "a.json", bundle("transaction", `{"request":{"method":"DELETE","url":"Patient/p1"}}`, `{"resource":`+weight+`}`), "Observation/o1", []string{`"DELETE"`}},
		{"a bundle cut short", "a.json", bundle("batch", `{"resource":`+patient+`}`)[:90], "", []string{"not whole"}},
		{"a list, which has entries too", "a.json", `{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/p1"}}]}`, "List/l", nil},
		{"more behind the end", "a.json", indented + indented, "", []string{"more behind"}},
		{"empty", "a.json", " \n", "", []string{"empty"}},
		{"XML", "a.json", `<Patient xmlns="http://hl7.org/fhir"/>`, "", []string{"XML"}},
		{"text", "a.json", `Dear colleague`, "", []string{"no JSON"}},
		{"an array", "a.json", `[` + patient + `]`, "", []string{"no JSON"}},
		{"JSON that is no resource", "a.json", `{"hello":"world"}`, "", []string{"resourceType"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, packed := range []bool{false, true} {
				file, content := test.file, []byte(test.content)
				if packed {
					file, content = file+".gz", gzipped(t, content)
				}
				items, errs := read(t, file, content)
				if got := names(items); got != test.want {
					t.Errorf("%s: got %q, want %q", file, got, test.want)
				}
				if len(errs) != len(test.errs) {
					t.Fatalf("%s: got the errors %v, want %d", file, errs, len(test.errs))
				}
				for i, err := range errs {
					var at *intake.Error
					if !errors.As(err, &at) || !strings.Contains(err.Error(), test.errs[i]) || !strings.Contains(err.Error(), file) {
						t.Errorf("got %q, want an Error that names %s and says %q", err, file, test.errs[i])
					}
				}
			}
		})
	}
}

// A packed file that was cut short says so, whatever is in it, and does not look like one whose
// last record is broken. What stands on whole lines before is read.
func TestAPackedFileIsCutShort(t *testing.T) {
	lines := strings.Repeat(patient+"\n", 2*intake.PeekSize/len(patient)) // which packs to more than is looked at first
	for name, c := range map[string]struct {
		content string
		some    bool
	}{"a.ndjson.gz": {lines, true}, "a.json.gz": {bundle("batch", `{"resource":`+patient+`}`), false}} {
		packed := gzipped(t, []byte(c.content))
		items, errs := read(t, name, packed[:len(packed)-9])
		if len(errs) != 1 || !errors.Is(errs[0], intake.ErrCut) || len(items) > 0 != c.some {
			t.Errorf("%s: %d records, and the errors %v; want that it was cut short", name, len(items), errs)
		}
	}
}

func TestArchive(t *testing.T) {
	items, errs := read(t, "a.zip", zipped(t,
		"readme.txt", "not read", "one/a.json", patient, "b.ndjson.gz", string(gzipped(t, []byte(weight+"\n{\n"+weight))),
		"__MACOSX/c.json", "not read", "broken.json", "{", "inner.json", string(zipped(t, "x.json", patient)),
		"last.json", patient))
	if got, want := names(items), "Patient/p1 Observation/o1 Observation/o1 Patient/p1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if items[0].Source != "/one/a.json" || items[2].Line != 3 {
		t.Errorf("got the sources %+v and %+v, want the file in the archive and line 3", items[0], items[2])
	}
	if len(errs) != 3 || !strings.Contains(errs[1].Error(), "broken.json") || !strings.Contains(errs[2].Error(), "archive in an archive") {
		t.Errorf("got the errors %v, want one line, broken.json, and the inner archive", errs)
	}
}

func TestLineTooLong(t *testing.T) {
	long := `{"resourceType":"Binary","id":"b","data":"` + strings.Repeat("A", events.MaxPlain+2<<20) + `"}`
	items, errs := read(t, "a.ndjson", []byte(patient+"\n"+strings.Replace(long, "Binary", "Basic", 1)+"\n"+weight+"\n"))
	if got := names(items); got != "Patient/p1 Observation/o1" {
		t.Errorf("got %q, want both lines around the long one", got)
	}
	if len(errs) != 1 || !errors.Is(errs[0], intake.ErrTooLarge) || !strings.Contains(errs[0].Error(), "line 2") {
		t.Errorf("got %v, want ErrTooLarge at line 2", errs)
	}
	for name, content := range map[string]string{"entry": bundle("batch", `{"resource":`+long+`}`), "resource": long} {
		if _, errs := read(t, "a.json", []byte(content)); len(errs) != 1 || !errors.Is(errs[0], intake.ErrTooLarge) || !strings.Contains(errs[0].Error(), "as a line of NDJSON") {
			t.Errorf("%s: got %v, want ErrTooLarge, and how else to send it", name, errs)
		}
	}
}

func TestBombs(t *testing.T) {
	defer intake.SetBombFree(2 << 20)()
	blank := gzipped(t, append([]byte(patient), bytes.Repeat([]byte(" "), 8<<20)...))
	for name, content := range map[string][]byte{
		"lines.ndjson.gz": blank,
		"twice.ndjson.gz": gzipped(t, gzipped(t, []byte(patient))),
		"bomb.zip":        zipped(t, "x.ndjson", patient+strings.Repeat(" ", 8<<20)),
		"inner.zip":       zipped(t, "x.ndjson.gz", string(blank)),
		"liar.zip":        lying(t, "x.ndjson", patient+strings.Repeat(" ", 8<<20)),
	} {
		items, errs := read(t, name, content)
		if len(items) > 0 || len(errs) == 0 {
			t.Fatalf("%s: got %d items and the errors %v, want errors alone", name, len(items), errs)
		}
		if name != "twice.ndjson.gz" && !errors.Is(errs[len(errs)-1], intake.ErrBomb) {
			t.Errorf("%s: got %v, want ErrBomb", name, errs)
		}
	}
}

func TestMemoryDoesNotGrowWithALargeFile(t *testing.T) {
	largetest.Unwatched(t)
	const entries = 60_000
	for _, name := range []string{"a.ndjson", "a.json"} {
		file := filepath.Join(t.TempDir(), name)
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("lorem ipsum ", 40)
		if name == "a.json" {
			io.WriteString(f, `{"resourceType":"Bundle","type":"transaction","entry":[{}`)
		}
		for i := range entries {
			uuid := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			resource := fmt.Sprintf(`{"resourceType":"Basic","id":"%s","subject":{"reference":"urn:uuid:%s"},"text":"%s"}`, uuid, uuid, text)
			if name == "a.json" {
				resource = `,{"fullUrl":"urn:uuid:` + uuid + `","resource":` + resource + `}`
			}
			fmt.Fprintln(f, resource)
		}
		if name == "a.json" {
			io.WriteString(f, `]}`)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		source, err := intake.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		n, most := 0, uint64(0)
		last := int64(0)
		for _, err := range source.Items(t.Context()) {
			if err != nil {
				continue
			}
			if n++; n%20_000 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
			if now := source.Progress().Bytes; now < last {
				t.Fatalf("the progress went back from %d to %d", last, now)
			} else {
				last = now
			}
		}
		source.Close()
		if n != entries {
			t.Errorf("%s: got %d items, want %d", name, n, entries)
		}
		if most > 24<<20 {
			t.Errorf("%s of %d MB: %d MB in use, want at most 24", name, info.Size()>>20, most>>20)
		}
		if p := source.Progress(); p.Bytes < p.Total*95/100 {
			t.Errorf("%s: got the progress %+v at the end", name, p)
		}
	}
}

func TestEndsWithTheContextAndTheCaller(t *testing.T) {
	lines := strings.Repeat(patient+"\n", 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range intake.Read(ctx, strings.NewReader(lines), "x.ndjson") {
		if last = err; err == nil {
			n++
		}
		if n == 10 {
			cancel()
		}
	}
	if n != 10 || !errors.Is(last, context.Canceled) {
		t.Errorf("got %d items and %v at the end, want 10 and context.Canceled", n, last)
	}
	for range intake.Read(t.Context(), strings.NewReader(lines), "x.ndjson") {
		break
	}
	many := bundle("batch", strings.Repeat(`{"resource":`+patient+`},`, 99)+`{"resource":`+patient+`}`)
	for range intake.Read(t.Context(), strings.NewReader(many), "x.json") {
		break
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := intake.Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
	if _, err := intake.Open(t.TempDir()); err == nil {
		t.Error("a folder: want an error")
	}
}

func TestReaderThatFails(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(patient+"\n"+patient+"\n"), errReader{})
	items, errs := collect(intake.Read(t.Context(), broken, "x.ndjson"))
	if len(items) > 2 || len(errs) != 1 || !errors.Is(errs[0], errDisk) {
		t.Errorf("got %d items and %v, want the reader's error", len(items), errs)
	}
}

var errDisk = errors.New("the disk is gone")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errDisk }

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lying packs a file and says that it was packed to far more than there is.
func lying(t testing.TB, name, text string) []byte {
	t.Helper()
	var b, packed bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(text)),
		CompressedSize64: 1 << 40, UncompressedSize64: uint64(len(text))})
	if err == nil {
		_, err = w.Write(packed.Bytes())
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What has a content in it may be as large on a line as the largest content; nothing else may be. What
// was in conflict is named, however large its versions are.
func TestLargeLines(t *testing.T) {
	largetest.Unwatched(t)
	data := func(size int) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("carelog"), size/7+1)[:size])
	}
	letter := `{"resourceType":"Binary","id":"b","contentType":"a/b","data":"` + data(events.MaxAttachment) + `","securityContext":{"reference":"Patient/p1"}}`
	over := `{"resourceType":"Basic","id":"c","data":"` + data(events.MaxPlain) + `"}`
	conflict := `{"resourceType":"Bundle","meta":{"tag":[{"system":"` + fhirjson.ConflictTag.System + `","code":"` + fhirjson.ConflictTag.Code + `"}]},"type":"collection","entry":[{"resource":` + letter + `}]}`
	document := `{"resourceType":"DocumentReference","id":"d","content":[{"attachment":{"data":"` + data(events.MaxPlain) + `"}}]}`
	lines := []string{patient, letter, over, document, conflict, strings.Repeat(" ", intake.MaxLetter+1), weight}
	items, errs := collect(intake.Read(t.Context(), strings.NewReader(strings.Join(lines, "\n")), "x.ndjson"))
	if names(items) != "Patient/p1 Binary/b DocumentReference/d Observation/o1" || items[0].Letter || !items[1].Letter || string(items[1].Body) != letter || !items[2].Letter {
		t.Errorf("got %s", names(items))
	}
	if len(errs) != 3 || !errors.Is(errs[0], intake.ErrTooLarge) || !strings.Contains(errs[1].Error(), "was in conflict when it was exported") || !errors.Is(errs[2], intake.ErrTooLarge) {
		t.Errorf("got the errors %v", errs)
	}
}

// Each member beside the entries of a Bundle costs what it has, and not what stands before it.
func TestManyMembersOfABundle(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"collection"`)
	for i := range 20_000 {
		fmt.Fprintf(&b, `,"member%d":1`, i)
	}
	b.WriteString("}")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, errs := read(t, "a.json", []byte(b.String()))
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; len(errs) == 0 || took > 100<<20 {
		t.Errorf("%d bytes of members took %d of memory, and the errors are %v", b.Len(), took, errs)
	}
}

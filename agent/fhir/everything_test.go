package fhir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections"
)

const dossierOf = `{"resourceType":"Patient","id":"p1","generalPractitioner":[{"reference":"Practitioner/dr-1"}]}`

// fillDossier writes a small dossier that refers to records of the practice.
func fillDossier(d *desk) {
	for path, body := range map[string]string{
		"Patient/p1":                   dossierOf,
		"Basic/b1":                     basicOf("b1", "p1", `says \"reference\":\"Practitioner/dr-3\"`),
		"Basic/b2":                     `{"resourceType":"Basic","id":"b2","code":{"text":"x"},"subject":{"reference":"Patient/p1"},"author":{ "reference" : "PractitionerRole\/role-1"}}`,
		"Observation/o1":               `{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/p1"},"performer":[{"reference":"Organization/none"},{"reference":"Practitioner/dr-1/_history/1"},{"reference":"Practitioner/other"}],"valueQuantity":{"value":1.00}}`,
		"Practitioner/dr-1":            `{"resourceType":"Practitioner","id":"dr-1"}`,
		"Practitioner/dr-2":            `{"resourceType":"Practitioner","id":"dr-2","name":[{"text":"nobody refers to"}]}`,
		"Practitioner/dr-3":            `{"resourceType":"Practitioner","id":"dr-3"}`,
		"PractitionerRole/role-1":      `{"resourceType":"PractitionerRole","id":"role-1","organization":{"reference":"Organization/org-1"}}`,
		"Organization/org-1":           `{"resourceType":"Organization","id":"org-1"}`,
		"Patient/p2":                   `{"resourceType":"Patient","id":"p2"}`,
		"Basic/b3":                     basicOf("b3", "p2", "of another"),
		"Observation/of-another":       `{"resourceType":"Observation","id":"of-another","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/p2"}}`,
		"MedicationStatement/deleted1": `{"resourceType":"MedicationStatement","id":"deleted1","status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/p1"}}`,
	} {
		d.do("PUT", "/fhir/"+path, body).want(201)
	}
	d.do("DELETE", "/fhir/MedicationStatement/deleted1", "").want(204)
}

// modes are the entries of a Bundle with why they are in it.
func (b bundle) modes(t testing.TB) (list []string) {
	for _, e := range b.Entry {
		var head struct{ ResourceType, ID string }
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s/%s", e.Search.Mode, head.ResourceType, head.ID))
	}
	return list
}

func TestEverything(t *testing.T) {
	d := newDesk(t)
	fillDossier(d)
	whole := []string{"match Patient/p1", "match Basic/b1", "match Basic/b2", "match Observation/o1"}
	referred := []string{"include Practitioner/dr-1", "include PractitionerRole/role-1", "include Organization/org-1"}
	got := d.do("GET", "/fhir/Patient/p1/$everything", "").want(200)
	if list := got.bundle().modes(t); !slices.Equal(list, slices.Concat(whole, referred)) {
		t.Errorf("got\n%s", strings.Join(list, "\n"))
	}
	for _, e := range got.bundle().Entry {
		var head struct{ ResourceType, ID string }
		_ = json.Unmarshal(e.Resource, &head)
		if read := d.do("GET", "/fhir/"+head.ResourceType+"/"+head.ID, "").want(200); !bytes.Equal(read.Body.Bytes(), e.Resource) {
			t.Errorf("%s is not what a read gives, byte for byte: %s", head.ID, e.Resource)
		}
	}
	for query, want := range map[string][]string{
		"_type=Basic,PractitionerRole": {"match Basic/b1", "match Basic/b2", "include PractitionerRole/role-1"},
		"_type=Claim":                  nil,
		"_since=2036-01-01T00:00:00Z":  nil,
	} {
		if list := d.do("GET", "/fhir/Patient/p1/$everything?"+query, "").want(200).bundle().modes(t); !slices.Equal(list, want) {
			t.Errorf("%s: got %v, want %v", query, list, want)
		}
	}
	var since struct{ Meta struct{ LastUpdated string } }
	changed := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "changed")).want(200)
	if err := json.Unmarshal(changed.Body.Bytes(), &since); err != nil {
		t.Fatal(err)
	}
	if list := d.do("GET", "/fhir/Patient/p1/$everything?_since="+since.Meta.LastUpdated, "").want(200).bundle().modes(t); !slices.Equal(list, []string{"match Basic/b1"}) {
		t.Errorf("since the last change: %v", list)
	}
	var paged []string
	for next, n := "/fhir/Patient/p1/$everything?_count=1", 0; next != ""; n++ {
		page := d.do("GET", next, "").want(200).bundle()
		paged = append(paged, slices.DeleteFunc(page.modes(t), func(s string) bool { return strings.HasPrefix(s, "include") })...)
		next = strings.TrimPrefix(page.link("next"), "http://127.0.0.1:7878")
		d.elsewhere(fmt.Sprint("Basic/a", n), "p1", basicOf("a", "p1", "came before the place where the next page begins"))
	}
	if kept := slices.DeleteFunc(paged, func(s string) bool { return strings.Contains(s, "Basic/a") }); !slices.Equal(kept, whole) {
		t.Errorf("page by page: %v, want %v", kept, whole)
	}
	for path, status := range map[string]int{
		"/fhir/Patient/none/$everything": 404, "/fhir/Basic/b1/$everything": 404, "/fhir/Patient/p1/$everything?start=2020-01-01": 400,
		"/fhir/Patient/p1/$everything?_cursor=!": 400, "/fhir/Patient/p1/$everything?_type=Nothing": 400, "/fhir/Patient/p1/$everything?_count=0": 400,
	} {
		d.do("GET", path, "").want(status)
	}
}

// TestEverythingOfWhatIsMissing: what cannot be had or opened is said in the Bundle, and
// a dossier whose Patient is not there is read all the same.
func TestEverythingOfWhatIsMissing(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p9", "x")).want(201)
	if list := d.do("GET", "/fhir/Patient/p9/$everything", "").want(200).bundle().modes(t); !slices.Equal(list, []string{"match Basic/b1"}) {
		t.Errorf("without a Patient: %v", list)
	}
	d.applyUnopened(d.other.Make(changeOf("Basic/b2", "p9", basicOf("b2", "p9", "sealed"))))
	d.partial = true
	text := d.do("GET", "/fhir/Patient/p9/$everything", "").want(200).Body.String()
	if strings.Count(text, `"OperationOutcome"`) != 2 || !strings.Contains(text, "Basic/b2") {
		t.Errorf("want what cannot be opened and what may be missing as outcomes: %s", text)
	}
	d.do("GET", "/fhir/Patient/p8/$everything", "").want(404)
}

// failing loses the store in the middle of a Bundle.
type failing struct {
	unread
	left atomic.Int32
}

func (f *failing) Listed(ctx context.Context, names []projections.Named) ([]projections.Listed, error) {
	if f.left.Add(-1) < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return f.unread.Listed(ctx, names)
}

// TestEverythingIsWholeOrBroken: a Bundle that a failure cut short does not end well.
func TestEverythingIsWholeOrBroken(t *testing.T) {
	d := newDesk(t)
	for i := range 200 {
		d.elsewhere(fmt.Sprint("Basic/b", i), "p1", basicOf(fmt.Sprint("b", i), "p1", strings.Repeat("x", 2000)))
	}
	store := &failing{unread: unread{d.store, d}}
	store.left.Store(2)
	door := newDoor(d, store)
	server := httptest.NewServer(door)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	answer, err := http.Get(server.URL + "/fhir/Patient/p1/$everything")
	if err == nil {
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("the answer ends well after %d bytes", len(body))
		}
	}
}

// largeDossier is a dossier of many records, applied at once.
func largeDossier(t testing.TB, d *desk, n int) {
	t.Helper()
	text := strings.Repeat("the patient says that it is better since the week before; ", 30)
	for at := 0; at < n; {
		var batch projections.Batch
		for range min(1000, n-at) {
			body := fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/p1"},"performer":[{"reference":"Practitioner/dr-%d"}],"valueQuantity":{"value":%d.00,"unit":"kg"},"note":[{"text":"%d %s"}]}`, at, at%9, at, at, text)
			e := d.other.Make(eventstest.Change{Record: fmt.Sprint("Observation/o", at), Patient: "p1", Body: body})
			batch.Entries = append(batch.Entries, projections.Entry{Sequence: d.next(), Stored: eventstest.Epoch, Event: e, Body: []byte(body)})
			at++
		}
		if _, err := d.store.Apply(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEverythingOfALargeDossierIsStreamed: the memory that a large dossier needs is not that of its size.
func TestEverythingOfALargeDossierIsStreamed(t *testing.T) {
	largetest.Unwatched(t)
	d := newDesk(t)
	largeDossier(t, d, 8000)
	r := httptest.NewRequest("GET", "http://127.0.0.1:7878/fhir/Patient/p1/$everything", nil)
	w := &heap{}
	d.door.ServeHTTP(w, r)
	if w.size < 12<<20 {
		t.Fatalf("only %d bytes", w.size)
	}
	if w.most > w.first+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes while %d were sent", w.first, w.most, w.size)
	}
}

// heap drops what is written and looks at the memory now and then.
type heap struct {
	header      http.Header
	size        int
	looked      int
	first, most uint64
}

func (h *heap) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}
func (h *heap) WriteHeader(int) {}
func (h *heap) Write(p []byte) (int, error) {
	if h.size += len(p); h.size/(2<<20) >= h.looked {
		h.looked++
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if h.first == 0 {
			h.first = m.HeapAlloc
		}
		h.most = max(h.most, m.HeapAlloc)
	}
	return len(p), nil
}

// BenchmarkEverything is beside a plain copy of the same bytes over the same connection.
func BenchmarkEverything(b *testing.B) {
	d := newDesk(b)
	largeDossier(b, d, 10_000)
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1:7878/fhir/Patient/p1/$everything", nil))
	same := w.Body.Bytes()
	mux := http.NewServeMux()
	mux.Handle("/fhir/", d.door)
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, bytes.NewReader(same)) })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	read := func(path string) time.Duration {
		began := time.Now()
		answer, err := http.Get(server.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close()
		if n, err := io.Copy(io.Discard, answer.Body); err != nil || n < int64(len(same))/2 {
			b.Fatalf("%d bytes, %v", n, err)
		}
		return time.Since(began)
	}
	b.SetBytes(int64(len(same)))
	var streamed, copied time.Duration
	for b.Loop() {
		streamed += read("/fhir/Patient/p1/$everything")
		b.StopTimer()
		copied += read("/copy")
		b.StartTimer()
	}
	b.ReportMetric(float64(len(same))*float64(b.N)/copied.Seconds()/1e6, "copy-MB/s")
	b.ReportMetric(copied.Seconds()/streamed.Seconds(), "of-a-copy")
}

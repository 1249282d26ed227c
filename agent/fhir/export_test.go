package fhir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// paused is a store that begins to read out when it is told.
type paused struct {
	*projections.Store
	begin chan struct{} // nil: at once
}

func (p *paused) ReadOut(ctx context.Context, w projections.Want, out projections.ReadOut) error {
	if p.begin != nil {
		select {
		case <-p.begin:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.Store.ReadOut(ctx, w, out)
}

// exporting is a desk whose door has $export.
type exporting struct {
	*desk
	folder string
	store  *paused
	jobs   *bulk.Jobs
	said   signal
	mu     sync.Mutex
	now    time.Time
}

func newExporting(t *testing.T) *exporting {
	t.Helper()
	d := &exporting{desk: newDesk(t), folder: filepath.Join(t.TempDir(), "exports"), now: time.Now()}
	d.store = &paused{Store: d.desk.store}
	if err := os.MkdirAll(filepath.Join(d.folder, strings.Repeat("a", 26)), 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	d.jobs, err = bulk.Open(bulk.Config{Folder: d.folder, Records: d.store, Logger: slog.New(slog.NewTextHandler(&d.said, nil)),
		Now: func() time.Time { d.mu.Lock(); defer d.mu.Unlock(); return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.jobs.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.folder); err == nil {
			t.Error("the files of exports are still there after the end")
		}
	})
	c := doorConfig(d.desk, unread{d.desk.store, d.desk})
	c.Exports = d.jobs
	d.door = fhir.New(c)
	return d
}

// raw asks without the checks of what is FHIR.
func (d *exporting) raw(method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:7878"+strings.TrimPrefix(path, "http://127.0.0.1:7878"), nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	return w
}

type manifestFile struct {
	Type, URL string
	Count     int
}

type manifest struct {
	TransactionTime, Request string
	RequiresAccessToken      bool
	Output, Deleted, Error   []manifestFile
}

// begin starts an export and returns where it is looked after.
func (d *exporting) begin(path string) string {
	d.t.Helper()
	w := d.raw("GET", path, "Prefer: respond-async", "Accept: application/fhir+json")
	if w.Code != 202 || w.Header().Get("Content-Location") == "" {
		d.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Header().Get("Content-Location")
}

// await waits until an export is done.
func (d *exporting) await(at string) (m manifest) {
	d.t.Helper()
	for {
		said := d.said.wait()
		w := d.raw("GET", at)
		if w.Code != 202 {
			if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || w.Code != 200 {
				d.t.Fatalf("%d %s", w.Code, w.Body)
			}
			return m
		}
		if !strings.Contains(w.Header().Get("X-Progress"), " of ") || w.Header().Get("Retry-After") == "" {
			d.t.Fatalf("headers of an export under way: %v", w.Header())
		}
		select {
		case <-said:
		case <-time.After(20 * time.Second):
			d.t.Fatal("the export does not end")
		}
	}
}

// Write hears what the exports say in the log: that one of them has ended.
func (s *signal) Write(line []byte) (int, error) {
	s.fire()
	return len(line), nil
}

// lines are those of a file of an export.
func (d *exporting) lines(f manifestFile) (list []string) {
	d.t.Helper()
	w := d.raw("GET", f.URL, "Accept: application/fhir+ndjson")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/fhir+ndjson" {
		d.t.Fatalf("%s: %d of %s", f.URL, w.Code, w.Header().Get("Content-Type"))
	}
	for line := range strings.Lines(w.Body.String()) {
		list = append(list, strings.TrimSuffix(line, "\n"))
	}
	if len(list) != f.Count {
		d.t.Errorf("%s has %d lines, and the manifest says %d", f.URL, len(list), f.Count)
	}
	return list
}

func file(list []manifestFile, typ string) manifestFile {
	i := slices.IndexFunc(list, func(f manifestFile) bool { return f.Type == typ })
	if i < 0 {
		return manifestFile{}
	}
	return list[i]
}

func TestExport(t *testing.T) {
	d := newExporting(t)
	fillDossier(d.desk)
	d.do("PUT", "/fhir/Basic/pretty", "{\n  \"resourceType\": \"Basic\",\r\n  \"id\": \"pretty\",\n  \"code\": {\"text\": \"1.00 \\n\"}\n}").want(201)
	ours, theirs := split(d.desk)
	d.applyUnopened(d.other.Make(changeOf("Basic/closed", "p2", basicOf("closed", "p2", "sealed"))))

	at := d.begin("/fhir/$export")
	m := d.await(at)
	if m.Request != "http://127.0.0.1:7878/fhir/$export" || !m.RequiresAccessToken || m.TransactionTime == "" || len(m.Deleted) != 0 {
		t.Errorf("manifest: %+v", m)
	}
	seen := 0
	for _, f := range m.Output {
		if strings.HasSuffix(f.URL, "/conflicts.ndjson") {
			continue
		}
		for _, line := range d.lines(f) {
			var head struct{ ResourceType, ID string }
			if err := json.Unmarshal([]byte(line), &head); err != nil || head.ResourceType != f.Type {
				t.Fatalf("%s: %v", line, err)
			}
			read := d.do("GET", "/fhir/"+f.Type+"/"+head.ID, "").want(200).Body.Bytes()
			if flat := strings.NewReplacer("\n", " ", "\r", " ").Replace(string(read)); flat != line {
				t.Errorf("exported\n%s\nread\n%s", line, read)
			}
			if !fhirjson.Equal([]byte(line), read) {
				t.Errorf("%s says something else than what is read", line)
			}
			seen++
		}
	}
	if seen != 14 { // 13 of the dossiers without the deleted one, the pretty one and the one in conflict
		t.Errorf("%d records, want 14", seen)
	}
	conflicts := d.lines(file(m.Output, "Bundle"))
	if len(conflicts) != 1 || !strings.Contains(conflicts[0], ours.String()) || !strings.Contains(conflicts[0], theirs.String()) ||
		!strings.Contains(conflicts[0], `"theirs"`) || !strings.Contains(conflicts[0], `"ours"`) {
		t.Errorf("conflicts: %v: want both heads", conflicts)
	}
	if failed := d.lines(file(m.Error, "OperationOutcome")); len(failed) != 1 || !strings.Contains(failed[0], "Basic/closed") {
		t.Errorf("errors: %v: want what cannot be opened", failed)
	}
	// An import takes all of it but the conflict, which it names.
	var refused []string
	taken := 0
	for _, f := range m.Output {
		body := strings.Join(d.lines(f), "\n")
		for item, err := range intake.Read(t.Context(), bytes.NewReader([]byte(body)), "x.ndjson") {
			if err != nil {
				refused = append(refused, err.Error())
				continue
			}
			taken++
			state, err := d.desk.store.Record(t.Context(), recordOf(item.Type, item.ID))
			if err != nil {
				t.Fatal(err)
			}
			prepared, err := fhirjson.Prepare(item.Body, item.ID)
			if err != nil || item.ID != "pretty" && !bytes.Equal(prepared, state.Shown.Body) {
				t.Errorf("%s/%s comes back as %s, want %s (%v)", item.Type, item.ID, prepared, state.Shown.Body, err)
			}
		}
	}
	if taken != seen || len(refused) != 1 || !strings.Contains(refused[0], "Basic/n1 was in conflict") {
		t.Errorf("%d taken in, refused: %v", taken, refused)
	}
	if w := d.raw("GET", file(m.Output, "Patient").URL, "Range: bytes=2-9"); w.Code != 206 || w.Body.Len() != 8 {
		t.Errorf("a part of a file: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := d.raw("DELETE", at); w.Code != 202 {
		t.Errorf("delete: %d", w.Code)
	}
	for _, path := range []string{at, file(m.Output, "Patient").URL} {
		d.do("GET", strings.TrimPrefix(path, "http://127.0.0.1:7878"), "").want(404)
	}
	if left, err := os.ReadDir(d.folder); err != nil || len(left) != 0 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// TestExportIsOfOneMoment: what is written while an export reads is not in it, and the
// next one since its time has just that, with deletions.
func TestExportIsOfOneMoment(t *testing.T) {
	d := newExporting(t)
	fillDossier(d.desk)
	first := d.await(d.begin("/fhir/Patient/$export?_type=Basic,Practitioner"))
	if got := file(first.Output, "Basic"); got.Count != 3 || file(first.Output, "Practitioner").Count != 0 {
		t.Errorf("dossiers: %+v, want the Basics of patients and no Practitioner", first.Output)
	}
	d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "changed since")).want(200)
	d.do("DELETE", "/fhir/Basic/b2", "").want(204)
	next := d.await(d.begin("/fhir/$export?_since=" + first.TransactionTime))
	if changed := d.lines(file(next.Output, "Basic")); len(next.Output) != 1 || len(changed) != 1 || !strings.Contains(changed[0], "changed since") {
		t.Errorf("since: %+v %v", next.Output, changed)
	}
	// What came at that very moment comes again.
	if gone := d.lines(file(next.Deleted, "Bundle")); len(gone) > 2 || !strings.Contains(strings.Join(gone, ""), `"method":"DELETE","url":"Basic/b2"`) {
		t.Errorf("deleted since: %v", gone)
	}
}

// TestExportsAreBounded: more than a few are refused, old ones go, one under way ends
// when it is deleted.
func TestExportsAreBounded(t *testing.T) {
	d := newExporting(t)
	fillDossier(d.desk)
	d.store.begin = make(chan struct{})
	var under []string
	for range bulk.MaxJobs {
		under = append(under, d.begin("/fhir/$export"))
	}
	if w := d.raw("GET", "/fhir/$export", "Prefer: respond-async"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d", w.Code)
	}
	d.raw("DELETE", under[0]) // the one that waits to read
	d.raw("DELETE", under[1]) // one that has not begun
	close(d.store.begin)
	d.await(under[2])
	last := d.begin("/fhir/$export")
	d.await(last)
	d.mu.Lock()
	d.now = d.now.Add(bulk.Keep + time.Second)
	d.mu.Unlock()
	if w := d.raw("GET", last); w.Code != 404 {
		t.Errorf("an old one: %d, want 404", w.Code)
	}
}

func TestExportRefuses(t *testing.T) {
	d := newExporting(t)
	for path, want := range map[string]int{
		"/fhir/$export?_typeFilter=Patient%3Fname=x": 400, "/fhir/$export?_type=Nothing": 400, "/fhir/$export?_since=x": 400,
		"/fhir/$export?_outputFormat=text/csv": 400, "/fhir/$export?_elements=id": 400, "/fhir/Basic/$export": 404, "/fhir/_export/none": 404,
		"/fhir/_export/none/Patient.ndjson": 404,
	} {
		d.do("GET", path, "", "Prefer: respond-async").want(want)
	}
	d.do("GET", "/fhir/$export", "").want(400)
	d.do("POST", "/fhir/$export", "{}", "Prefer: respond-async").want(405)
	d.partial = true
	if got := d.do("GET", "/fhir/$export", "", "Prefer: respond-async").want(503); got.issueCode() != "incomplete" {
		t.Errorf("on a desk that has not read everything: %s", got.Body)
	}
}

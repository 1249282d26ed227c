package fhir_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
)

// export runs $export at a desk and returns its files, by name. each is called with every
// file in place of keeping it, where it is not nil.
func (o *clinicDesk) export(each func(name string, r io.Reader)) map[string]string {
	o.t.Helper()
	var said signal
	jobs, err := bulk.Open(bulk.Config{Folder: filepath.Join(o.t.TempDir(), "exports"), Records: o.Store(), Logger: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() {
		if err := jobs.Close(); err != nil {
			o.t.Error(err)
		}
	}()
	door := httptest.NewServer(fhir.New(fhir.Config{Desk: o.Agent, Records: o.Records(), Attachments: o.Agent, Author: guard.Author, Version: "test", Started: time.Now(), Exports: jobs}))
	defer door.Close()
	get := func(url string, headers ...string) *http.Response {
		r, err := http.NewRequestWithContext(o.t.Context(), "GET", url, nil)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			r.Header.Set(name, value)
		}
		got, err := door.Client().Do(r)
		if err != nil {
			o.t.Fatal(err)
		}
		return got
	}
	ended := said.wait()
	begun := get(door.URL+"/fhir/$export", "Prefer: respond-async")
	begun.Body.Close()
	<-ended
	got := get(begun.Header.Get("Content-Location"))
	defer got.Body.Close()
	var m manifest
	if err := json.NewDecoder(got.Body).Decode(&m); err != nil || got.StatusCode != 200 {
		o.t.Fatalf("%s: %v", got.Status, err)
	}
	files := make(map[string]string)
	for _, f := range append(m.Output, m.Error...) {
		got := get(f.URL)
		name := f.URL[strings.LastIndex(f.URL, "/")+1:]
		if each != nil {
			each(name, got.Body)
		} else if text, err := io.ReadAll(got.Body); err != nil {
			o.t.Fatal(err)
		} else {
			files[name] = string(text)
		}
		got.Body.Close()
	}
	return files
}

// imports takes a line in at a desk, as `carelog import` does.
func (o *clinicDesk) imports(text string) (result intake.Result) {
	o.t.Helper()
	for item, err := range intake.Read(o.t.Context(), strings.NewReader(text), "x.ndjson") {
		if err != nil {
			o.t.Fatal(err)
		}
		line, err := json.Marshal(intake.Line{Source: item.Where(), Type: item.Type, ID: item.ID, Body: string(item.Body)})
		if err != nil {
			o.t.Fatal(err)
		}
		w := httptest.NewRecorder()
		intake.NewDoor(o.Agent, o.Records(), guard.Author).ServeHTTP(w, httptest.NewRequestWithContext(o.t.Context(), "POST", intake.Path, bytes.NewReader(line)))
		if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
			o.t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return result
}

// What is not at a desk is fetched for an export; what cannot be had is named, and the record
// goes out all the same and says so. An import of it takes no content away.
func TestAnExportOfAContentThatIsElsewhere(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	here, away := scan(3*events.PieceSize-7, 1), scan(2*events.PieceSize, 2)
	one.put("here", here)
	one.put("away", away)
	one.AwaitGreen()
	two.knows("here")
	two.knows("away")
	two.holds("here", here)
	two.line.Cut()
	two.AwaitOffline()
	files := two.export(nil)
	if n := strings.Count(files["Binary.ndjson"], "\n"); n != 2 || !strings.Contains(files["Binary.ndjson"], base64.StdEncoding.EncodeToString(here)) {
		t.Errorf("%d Binaries, of which one should have its content: %.2000s", n, files["Binary.ndjson"])
	}
	if named := files["errors.ndjson"]; strings.Count(named, "\n") != 1 || !strings.Contains(named, "Binary/away/_history/") || !strings.Contains(named, `"incomplete"`) {
		t.Errorf("named: %s", named)
	}
	without := ""
	for line := range strings.Lines(files["Binary.ndjson"]) {
		if strings.Contains(line, `"id":"away"`) {
			without = line
		}
	}
	if !strings.Contains(without, `"_data":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"temp-unknown"}]}`) {
		t.Errorf("without its content it goes out as %s", without)
	}
	if result := one.imports(without); result.Written != 0 || result.Unchanged != 1 {
		t.Errorf("taken in where the content is: %+v", result)
	}
	one.holds("away", away)
	other := newClinic(t).open("other")
	if result := other.imports(without); result.Written != 1 {
		t.Errorf("taken in where nothing is: %+v", result)
	}
	two.line.Mend()
	two.AwaitGreen()
	files = two.export(nil)
	if !strings.Contains(files["Binary.ndjson"], base64.StdEncoding.EncodeToString(away)) || files["errors.ndjson"] != "" {
		t.Errorf("online again: errors %q", files["errors.ndjson"])
	}
	other.imports(files["Binary.ndjson"])
	other.holds("away", away)
	other.holds("here", here)
}

// Every head of a Binary in conflict leaves with its own content.
func TestAnExportOfABinaryInConflict(t *testing.T) {
	c := newClinic(t)
	one, two := c.open("one"), c.open("two")
	ours, theirs := scan(events.PieceSize+1, 1), scan(100, 2)
	one.line.Cut()
	one.AwaitOffline()
	one.put("b", ours)
	two.put("b", theirs)
	two.AwaitGreen()
	one.line.Mend()
	one.AwaitGreen()
	one.Await("the conflict", func(agent.Status) bool {
		state, err := one.Store().Record(t.Context(), events.Record{Type: "Binary", ID: "b"})
		return err == nil && state.Conflict
	})
	files := one.export(nil)
	for what, content := range map[string][]byte{"ours": ours, "theirs": theirs} {
		if !strings.Contains(files["conflicts.ndjson"], `"`+base64.StdEncoding.EncodeToString(content)+`"`) {
			t.Errorf("the content of %s is not in the conflict", what)
		}
	}
	if !json.Valid([]byte(files["conflicts.ndjson"])) || files["errors.ndjson"] != "" {
		t.Errorf("the conflict is no JSON, or something is named: %s", files["errors.ndjson"])
	}
}

// The largest Binary leaves a piece at a time.
func TestAnExportHoldsNoContent(t *testing.T) {
	const bound = 16 << 20
	o := newClinic(t).open("one")
	o.line.Cut() // the broker of the test has its memory here too
	o.AwaitOffline()
	o.put("b", scan(events.MaxAttachment, 3))
	grown := heapGrowth(func() {
		o.export(func(name string, r io.Reader) {
			if n, err := io.Copy(io.Discard, r); err != nil || name == "Binary.ndjson" && n < events.MaxAttachment/3*4 {
				t.Errorf("%s: %d bytes, %v", name, n, err)
			}
		})
	})
	t.Logf("%.1f MiB of heap at most", float64(grown)/(1<<20))
	if grown > bound {
		t.Errorf("the heap grows by %d bytes, want at most %d", grown, bound)
	}
}

// takes sends lines of FHIR to the door of files, as a client without our programs does.
func (o *clinicDesk) takes(lines io.Reader) (result intake.Result) {
	o.t.Helper()
	door := httptest.NewServer(intake.NewDoor(o.Agent, o.Records(), guard.Author))
	defer door.Close()
	got, err := door.Client().Post(door.URL+intake.Path, intake.NDJSON, lines)
	if err != nil {
		o.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	if err != nil || got.StatusCode != 200 {
		o.t.Fatalf("%v: %s: %s", err, got.Status, text)
	}
	return result
}

// What $export gives out at one practice goes into another over HTTP as it is, and comes back from there byte for byte, by
// reads and by another export; a second time nothing is written.
func TestWhatLeavesOnePracticeComesIntoAnother(t *testing.T) {
	one := newClinic(t).open("one")
	records := map[string]string{
		"Patient/p1":            `{"resourceType":"Patient", "id":"p1","name":[{"family":"Peeters","_family":{"extension":[{"url":"http://x","valueDecimal":1.00}]}}]}`,
		"Practitioner/dr":       `{"resourceType":"Practitioner","id":"dr","name":[{"text":"É <b>&"}]}`,
		"Observation/o":         `{"resourceType":"Observation","id":"o","meta":{"profile":["http://x"],"tag":[{"code":"own"}]},"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":9007199254740993.10}}`,
		"Bundle/kept":           `{"resourceType":"Bundle","id":"kept","type":"collection","entry":[{"resource":{"resourceType":"Basic","id":"b","code":{"text":"x"}}}]}`,
		"DocumentReference/d":   document("d", scan(300_000, 1), ""),
		"DocumentReference/own": document("own", []byte("%PDF"), ""),
		"Binary/small":          inJSON("small", scan(100, 2)),
		"Binary/large":          inJSON("large", scan(9<<20, 3)),
	}
	for name, body := range records {
		one.want(201, "PUT", name, strings.NewReader(body), fhirJSON)
	}
	for i := range 600 { // more than are written at once
		name := fmt.Sprint("Basic/n", i)
		records[name] = fmt.Sprintf(`{"resourceType":"Basic","id":"n%d","code":{"text":"%d"}}`, i, i)
	}
	var list []string
	for name, body := range records {
		if strings.HasPrefix(name, "Basic/") {
			list = append(list, entryOf("", body, "PUT", name, ""))
		}
	}
	one.want(200, "POST", "", strings.NewReader(posted("transaction", list...)), fhirJSON)
	letter := one.apart("DocumentReference/d", records["DocumentReference/d"], scan(300_000, 1))
	records["DocumentReference/d"] = apartOf(records["DocumentReference/d"], letter, scan(300_000, 1))
	records["Binary/"+letter], records["Binary/large"] = "", ""

	files := one.export(nil)
	two := newClinic(t).open("two")
	total := 0
	for name, lines := range files {
		n := strings.Count(lines, "\n")
		total += n
		if got := two.takes(strings.NewReader(lines)); got.Written != n || len(got.Refused) != 0 {
			t.Errorf("%s of %d lines: %+v", name, n, got)
		}
	}
	if total != len(records) {
		t.Errorf("%d lines leave, want %d", total, len(records))
	}
	back := two.export(nil)
	for name, lines := range files {
		if again := back[name]; sortedLines(again) != sortedLines(lines) {
			t.Errorf("%s leaves the other practice as\n%.500s\nwant\n%.500s", name, again, lines)
		}
		if got := two.takes(strings.NewReader(lines)); got.Written != 0 || got.Unchanged != strings.Count(lines, "\n") {
			t.Errorf("%s, a second time: %+v", name, got)
		}
	}
	for name, body := range records {
		if body == "" {
			continue
		}
		_, text := two.want(200, "GET", name, nil, "Accept: application/fhir+json")
		_, id, _ := strings.Cut(name, "/")
		if kept, want := withoutMeta(t, text, id), strings.ReplaceAll(body, "\n", " "); kept != want { // it came on a line
			t.Errorf("%s is %.300s\nwant %.300s", name, kept, want)
		}
	}
	two.holds("large", scan(9<<20, 3))
	if _, text := two.want(200, "GET", "Binary/"+letter, nil); !bytes.Equal(text, scan(300_000, 1)) {
		t.Errorf("the letter of the document has %d bytes", len(text))
	}
	two.AwaitGreen()
}

var ownVersion = regexp.MustCompile(`"versionId":"[^"]*","lastUpdated":"[^"]*"`)

// sortedLines are the resources of a file without the versions that each practice has of its own.
func sortedLines(lines string) string {
	list := strings.Split(ownVersion.ReplaceAllString(lines, ""), "\n")
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// Lines that are taken in are what an import of files takes, letters in documents included; what is none is refused by its
// line, and the others go on.
func TestLinesOfFHIR(t *testing.T) {
	o := newClinic(t).open("one")
	content := scan(400_000, 1)
	conflict := `{"resourceType":"Bundle","type":"collection","meta":{"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sync","code":"conflict"}]},"entry":[{"resource":{"resourceType":"Basic","id":"x"}}]}`
	lines := []string{
		`{"resourceType":"Basic","id":"b1","code":{"text":"x"}}`,
		document("d", content, ""),
		`{"resourceType":"Basic","id":"b2","code":{"text":`,
		"", "\r",
		document("wrong", content, `,"size":1`),
		strings.ReplaceAll(document("escaped", content, ""), `"data"`, `"d\u0061ta"`),
		`{"resourceType":"Patient","id":"p","birthDate":"2023-02-30"}`,
		conflict,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Basic/b1"}}]}`,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"incomplete"}]}`,
		`{"resourceType":"Basic","id":"c","data":"` + strings.Repeat("QUJD", 3<<20) + `"}`,
		`{"resourceType":"Basic","id":"b3","code":{"text":"last, without an end of its line"}}`,
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\n", " ")
	}
	got := o.takes(strings.NewReader(strings.Join(lines, "\n")))
	var refused []string
	for _, r := range got.Refused {
		refused = append(refused, r.Source)
	}
	if want := []string{"line 3", "line 6", "line 7", "line 8", "line 9", "line 10", "line 11", "line 12"}; got.Written != 3 || !slices.Equal(slices.Sorted(slices.Values(refused)), slices.Sorted(slices.Values(want))) {
		t.Errorf("%d are written, and refused %+v; want 3, and %q", got.Written, got.Refused, want)
	}
	o.apart("DocumentReference/d", lines[1], content)
	o.want(200, "GET", "Basic/b3", nil)
	o.want(404, "GET", "DocumentReference/wrong", nil)
	if held, coming := o.contents(); held != 1 || coming != 0 {
		t.Errorf("%d contents are held and %d on their way in, want 1 and none", held, coming)
	}
	if again := o.imports(lines[1]); again.Unchanged != 1 {
		t.Errorf("by an import of files: %+v, want that it is here", again)
	}
}

// A resource that says no id gets the same one however often it comes, and by whichever way, also with a letter in it.
func TestLinesWithoutAnID(t *testing.T) {
	o := newClinic(t).open("one")
	letter := strings.ReplaceAll(strings.Replace(document("x", scan(300_000, 1), ""), ` "id":"x",`, "", 1), "\n", " ")
	file := letter + "\r\n" + ` {"resourceType":"Basic","code":{"text":"x"}}` + "\r\n"
	if got := o.takes(strings.NewReader(file)); got.Written != 2 {
		t.Fatalf("%+v, want 2 records", got)
	}
	if got := o.takes(strings.NewReader(file)); got.Unchanged != 2 {
		t.Errorf("again: %+v, want that both are here", got)
	}
	for _, line := range strings.SplitAfter(strings.TrimSpace(file), "\n") {
		if got := o.imports(line); got.Unchanged != 1 {
			t.Errorf("by an import of files: %+v, want that it is here", got)
		}
	}
}

// A letter that was deleted here, with its document or without, does not come back with the file that it came in.
func TestLinesDoNotBringBackALetter(t *testing.T) {
	o := newClinic(t).open("one")
	content := scan(300_000, 1)
	both, alone := document("both", content, ""), document("alone", content, "")
	file := strings.ReplaceAll(both, "\n", " ") + "\n" + strings.ReplaceAll(alone, "\n", " ")
	if got := o.takes(strings.NewReader(file)); got.Written != 2 {
		t.Fatalf("%+v, want 2 documents", got)
	}
	for _, id := range []string{"both", "alone"} {
		_, text := o.want(200, "GET", "DocumentReference/"+id, nil)
		o.want(204, "DELETE", "Binary/"+string(binaryURL.FindSubmatch(text)[1]), nil)
	}
	o.want(204, "DELETE", "DocumentReference/both", nil)
	_, before := o.want(200, "GET", "DocumentReference/alone", nil)
	for range 2 {
		if got := o.takes(strings.NewReader(file)); got.Written != 0 || got.Kept != 2 {
			t.Errorf("again: %+v, want that both stay as they are", got)
		}
	}
	o.want(410, "GET", "DocumentReference/both", nil)
	if _, now := o.want(200, "GET", "DocumentReference/alone", nil); !bytes.Equal(now, before) {
		t.Errorf("the document whose letter was deleted is now %s", now)
	}
}

// Of lines that break off, those before are here, and all can be sent again.
func TestLinesThatBreakOff(t *testing.T) {
	o := newClinic(t).open("one")
	line := `{"resourceType":"Basic","id":"b","code":{"text":"x"}}` + "\n"
	for _, half := range []string{line[:20], document("d", scan(300_000, 1), "")[:250_000]} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", intake.Path, io.MultiReader(strings.NewReader(line+strings.ReplaceAll(half, "\n", " ")), iotest.ErrReader(io.ErrUnexpectedEOF)))
		r.Header.Set("Content-Type", intake.NDJSON)
		w := httptest.NewRecorder()
		intake.NewDoor(o.Agent, o.Records(), guard.Author).ServeHTTP(w, r)
		if text := w.Body.String(); w.Code != 400 || !strings.Contains(text, "line 2: ") || !strings.Contains(text, "nothing is doubled") {
			t.Errorf("%d %s", w.Code, text)
		}
	}
	o.want(200, "GET", "Basic/b", nil)
	if held, coming := o.contents(); held != 0 || coming != 0 {
		t.Errorf("%d contents are held and %d on their way in, want none", held, coming)
	}
}

// The largest letters come in lines, in little memory.
func TestLinesHoldNoLargeContent(t *testing.T) {
	largetest.Unwatched(t)
	o := newClinic(t).open("one")
	o.line.Cut()
	o.AwaitOffline()
	content := scan(events.MaxAttachment, 1)
	lines := strings.ReplaceAll(document("d", content, ""), "\n", " ") + "\n" + strings.ReplaceAll(inJSON("b", content), "\n", " ") + "\n"
	door := intake.NewDoor(o.Agent, o.Records(), guard.Author)
	grown := heapGrowth(func() {
		r := httptest.NewRequestWithContext(t.Context(), "POST", intake.Path, strings.NewReader(lines))
		r.Header.Set("Content-Type", intake.NDJSON)
		w := httptest.NewRecorder()
		if door.ServeHTTP(w, r); w.Code != 200 || !strings.Contains(w.Body.String(), `"written":2`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Logf("%.1f MiB of heap at most", float64(grown)/(1<<20))
	if grown > 16<<20 {
		t.Errorf("while two letters of 50 MiB come in the heap grows by %d bytes", grown)
	}
	o.holds("b", content)
}

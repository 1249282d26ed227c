package fhir_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/events"
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
		intake.NewDoor(o.Agent, guard.Author).ServeHTTP(w, httptest.NewRequestWithContext(o.t.Context(), "POST", intake.Path, bytes.NewReader(line)))
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

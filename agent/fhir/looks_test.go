package fhir_test

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events/eventstest"
)

// TestLooksAreKept has each way by which something that is kept goes out: it is in the trail,
// with whose dossier it was, and nothing else is. The answer to a write is one of them where it
// shows what its caller did not send.
func TestLooksAreKept(t *testing.T) {
	o := newClinic(t).open("one")
	looks, err := trail.Open(trail.Config{Folder: filepath.Join(t.TempDir(), "trail"), Device: "one"})
	if err != nil {
		t.Fatal(err)
	}
	d := &exporting{desk: &desk{t: t}}
	if d.jobs, err = bulk.Open(bulk.Config{Folder: filepath.Join(t.TempDir(), "exports"), Records: o.Store(), Logger: slog.New(slog.NewTextHandler(&d.said, nil))}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.jobs.Close(); err != nil {
			t.Error(err)
		}
		if err := looks.Close(); err != nil {
			t.Error(err)
		}
	})
	d.door = fhir.New(fhir.Config{Desk: o.Agent, Records: o.Records(), Attachments: o.Agent, Author: userOf, Started: eventstest.Epoch, Exports: d.jobs, Trail: looks})

	const found, whole, least = `If-None-Exist: identifier=1`, "Prefer: return=representation", "Prefer: return=minimal"
	const form = "Content-Type: application/x-www-form-urlencoded"
	const patch = "Content-Type: application/json-patch+json"
	patient := func(family string) string {
		return `{"resourceType":"Patient","id":"p1","identifier":[{"value":"1"}],"name":[{"family":"` + family + `"}]}`
	}
	basic := func(text string) string {
		return `{"resourceType":"Basic","id":"b1","code":{"text":"` + text + `"},"subject":{"reference":"Patient/p1"},"author":{"reference":"Patient/p2"}}`
	}
	ask := func(method, path, body string, headers ...string) *http.Response {
		t.Helper()
		got := asked(t, d.door, method, path, body, append(headers, "Carelog-User: dr-1")...)
		if got.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, path, got.Code, got.Body)
		}
		return got.Result()
	}
	kept := 0
	fresh := func() []string {
		list := looked(t, looks, trail.Query{})
		defer func() { kept = len(list) }()
		return list[kept:]
	}
	ask("PUT", "/fhir/Patient/p1", patient("Peeters"))
	ask("PUT", "/fhir/Patient/p2", `{"resourceType":"Patient","id":"p2"}`)
	version := strings.Trim(ask("PUT", "/fhir/Basic/b1", basic("one")).Header.Get("ETag"), `W/"`)
	ask("PUT", "/fhir/Binary/c1", "letter", "Content-Type: application/pdf", "X-Security-Context: Patient/p1")
	o.AwaitGreen()
	if got := fresh(); len(got) > 0 {
		t.Errorf("writes of one's own are looks: %q", got)
	}
	head := `{"name":"head","valueId":"` + version + `"}`

	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		want               []string
	}{
		{"GET", "/fhir/Basic/b1", "", nil, 200, []string{"read Basic/b1 [p1] []"}},
		{"HEAD", "/fhir/Basic/b1", "", nil, 200, []string{"read Basic/b1 [p1] []"}},
		{"GET", "/fhir/Basic/b1", "", []string{`If-None-Match: W/"` + version + `"`}, 304, []string{"read Basic/b1 [p1] []"}},
		{"GET", "/fhir/Basic/b1/_history/" + version, "", nil, 200, []string{"vread Basic/b1/_history/" + version + " [p1] []"}},
		{"GET", "/fhir/Basic/b1/_history", "", nil, 200, []string{"history-instance Basic/b1 [p1] []"}},
		{"GET", "/fhir/Basic/_history", "", nil, 200, []string{"history-type Basic [p1] []"}},
		{"GET", "/fhir/_history", "", nil, 200, []string{"history-system  [p1 p2] []"}},
		{"GET", "/fhir/Basic/b1/$conflicts", "", nil, 200, []string{"operation Basic/b1 [p1] []"}},
		{"GET", "/fhir/Patient/p1/$everything", "", nil, 200, []string{"operation Patient/p1 [p1] []"}},
		{"GET", "/fhir/Patient?name=peeters", "", nil, 200, []string{"search-type Patient [p1] [name]"}},
		{"POST", "/fhir/Patient/_search", "family=peeters", []string{form}, 200, []string{"search-type Patient [p1] [family]"}},
		{"GET", "/fhir/Basic?_id=b1&_include=Basic:author", "", nil, 200, []string{"search-type Basic [p1 p2] [_id _include]"}},
		{"GET", "/fhir/Patient?_id=p2&_revinclude=Basic:author", "", nil, 200, []string{"search-type Patient [p1 p2] [_id _revinclude]"}},
		{"GET", "/fhir/Patient?_id=p1&_summary=count", "", nil, 200, []string{"search-type Patient [] [_id _summary]"}},
		{"GET", "/fhir/Provenance/" + version, "", nil, 200, []string{"read Provenance/" + version + " [p1] []"}},
		{"GET", "/fhir/Provenance?target=Basic/b1", "", nil, 200, []string{"search-type Provenance [p1] [target]"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Accept: application/pdf"}, 200, []string{"read Binary/c1 [p1] []"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Accept: application/fhir+json"}, 200, []string{"read Binary/c1 [p1] []"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Range: bytes=1-2"}, 206, []string{"read Binary/c1 [p1] []"}},
		{"POST", "/fhir", posted("batch", entryOf("", "", "GET", "Basic/b1", ""), entryOf("", "", "GET", "Patient?_id=p2", ""), entryOf("", "", "GET", "Basic/none", "")), nil, 200,
			[]string{"read Basic/b1 [p1] []", "search-type Patient [p2] [_id]"}},
		{"POST", "/fhir", posted("transaction", entryOf("", "", "GET", "Basic/b1", "")), nil, 200, []string{"read Basic/b1 [p1] []"}},

		{"POST", "/fhir/Patient", patient("Other"), []string{found}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir/Patient", patient("Other"), []string{found, whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir/Patient", patient("Other"), []string{found, least}, 200, nil},
		{"POST", "/fhir/Patient", patient("Other"), []string{found, "Prefer: return=OperationOutcome"}, 200, nil},
		{"POST", "/fhir", posted("batch", entryOf("", patient("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), []string{whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", entryOf("", patient("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), []string{whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", entryOf("", patient("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), nil, 200, nil},
		{"POST", "/fhir/Basic/b1/$resolve", `{"resourceType":"Parameters","parameter":[` + head + `,{"name":"keep","valueId":"` + version + `"}]}`, nil, 200, []string{"read Basic/b1 [p1] []"}},
		{"PATCH", "/fhir/Basic/b1", `[{"op":"replace","path":"/code/text","value":"two"}]`, []string{patch}, 200, []string{"read Basic/b1 [p1] []"}},
		{"PATCH", "/fhir/Basic/b1", `[{"op":"replace","path":"/code/text","value":"three"}]`, []string{patch, least}, 200, nil},
		{"PATCH", "/fhir/Patient?identifier=1", `[{"op":"add","path":"/gender","value":"female"}]`, []string{patch}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", patchEntry("Basic/b1", `[{"op":"replace","path":"/code/text","value":"four"}]`, "")), []string{whole}, 200, []string{"read Basic/b1 [p1] []"}},
		{"PUT", "/fhir/Patient?identifier=1", patient("Own"), nil, 200, nil},
		{"PUT", "/fhir/Basic/b1", basic("own"), []string{whole}, 200, nil},
		{"DELETE", "/fhir/Basic/b1", "", nil, 204, nil},

		{"GET", "/fhir/Basic/b1", "", nil, 410, nil},
		{"GET", "/fhir/Basic/none", "", nil, 404, nil},
		{"GET", "/fhir/metadata", "", nil, 200, nil},
	} {
		got := ask(c.method, c.path, c.body, c.headers...)
		for i, entry := range c.want {
			c.want[i] = "dr-1 " + entry
		}
		if has := fresh(); got.StatusCode != c.status || !slices.Equal(has, c.want) {
			t.Errorf("%s %s %q: %d, want %d; the trail has %q, want %q", c.method, c.path, c.headers, got.StatusCode, c.status, has, c.want)
		}
	}

	ask("PUT", "/fhir/Basic/b1", basic("secret"))
	if got := asked(t, d.door, "PATCH", "/fhir/Basic/b1", `[{"op":"test","path":"/code/text","value":"x"}]`, patch); got.Code != 422 || strings.Contains(got.Body.String(), "secret") {
		t.Errorf("a patch that is refused shows what is kept, and no look is: %d %s", got.Code, got.Body)
	}

	m := d.await(d.begin("/fhir/$export"))
	got := fresh()
	for _, file := range m.Output {
		if w := d.raw("GET", file.URL); w.Code != 200 {
			t.Fatalf("%s: %d %s", file.URL, w.Code, w.Body)
		}
	}
	if files := fresh(); len(got) != 1 || !strings.HasPrefix(got[0], "export") || len(files) != len(m.Output) || !strings.HasPrefix(files[0], "export") {
		t.Errorf("an export and its %d files are in the trail as %q and %q", len(m.Output), got, files)
	}
}

package fhir_test

import (
	"encoding/json"
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
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// trailed is a desk's door with a trail, and what that has been asked for.
type trailed struct {
	*exporting
	looks *trail.Trail
	kept  int // entries that were seen
}

func watch(t *testing.T) (d *trailed, green func()) {
	t.Helper()
	o := newClinic(t).open("one")
	looks, err := trail.Open(trail.Config{Folder: filepath.Join(t.TempDir(), "trail"), Device: "one"})
	if err != nil {
		t.Fatal(err)
	}
	d = &trailed{exporting: &exporting{desk: &desk{t: t}}, looks: looks}
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
	return d, o.AwaitGreen
}

// ask asks in the name of somebody; a fault of the door's own ends the test.
func (d *trailed) ask(method, path, body string, headers ...string) *http.Response {
	d.t.Helper()
	got := asked(d.t, d.door, method, path, body, append(headers, "Carelog-User: dr-1")...)
	if got.Code >= 500 {
		d.t.Fatalf("%s %s: %d %s", method, path, got.Code, got.Body)
	}
	return got.Result()
}

// fresh is what came to the trail since it was last looked at.
func (d *trailed) fresh() []string {
	d.t.Helper()
	list := looked(d.t, d.looks, trail.Query{})
	defer func() { d.kept = len(list) }()
	return list[d.kept:]
}

func lookedAt(family string) string {
	return `{"resourceType":"Patient","id":"p1","identifier":[{"value":"1"}],"name":[{"family":"` + family + `"}]}`
}

func basic(text string) string {
	return `{"resourceType":"Basic","id":"b1","code":{"text":"` + text + `"},"subject":{"reference":"Patient/p1"},"author":{"reference":"Patient/p2"}}`
}

const jsonPatch = "Content-Type: application/json-patch+json"

// TestLooksAreKept has each way by which something that is kept goes out: it is in the trail,
// with whose dossier it was, and nothing else is. The answer to a write is one of them where it
// shows what its caller did not send.
func TestLooksAreKept(t *testing.T) {
	d, green := watch(t)
	d.ask("PUT", "/fhir/Patient/p1", lookedAt("Peeters"))
	d.ask("PUT", "/fhir/Patient/p2", `{"resourceType":"Patient","id":"p2"}`)
	version := strings.TrimSuffix(strings.TrimPrefix(d.ask("PUT", "/fhir/Basic/b1", basic("one")).Header.Get("ETag"), `W/"`), `"`)
	d.ask("PUT", "/fhir/Binary/c1", "letter", "Content-Type: application/pdf", "X-Security-Context: Patient/p1")
	green()
	if got := d.fresh(); len(got) > 0 {
		t.Errorf("writes of one's own are looks: %q", got)
	}
	for _, c := range waysOut(version) {
		got := d.ask(c.method, c.path, c.body, c.headers...)
		for i, entry := range c.want {
			c.want[i] = "dr-1 " + entry
		}
		if has := d.fresh(); got.StatusCode != c.status || !slices.Equal(has, c.want) {
			t.Errorf("%s %s %q: %d, want %d; the trail has %q, want %q", c.method, c.path, c.headers, got.StatusCode, c.status, has, c.want)
		}
	}
	m := d.await(d.begin("/fhir/$export?_type=Patient,Basic&_since=2020-01-01T00:00:00Z"))
	got := d.fresh()
	const taken = " $export [] [_type=Patient,Basic _since=2020-01-01T00:00:00.000Z"
	if len(got) != 1 || !strings.HasSuffix(got[0], taken+"]") {
		t.Errorf("an export is in the trail as %q", got)
	}
	for _, file := range m.Output {
		if w := d.raw("GET", file.URL); w.Code != 200 {
			t.Fatalf("%s: %d %s", file.URL, w.Code, w.Body)
		}
	}
	if files := d.fresh(); len(got) != 1 || !strings.HasPrefix(got[0], "export") || len(files) != len(m.Output) || !strings.Contains(files[0], taken+" file ") {
		t.Errorf("an export and its %d files are in the trail as %q and %q", len(m.Output), got, files)
	}
}

// A patch that is refused tells nothing of what it was refused by, so it is no look.
func TestARefusedPatchShowsNothing(t *testing.T) {
	d, _ := watch(t)
	d.ask("PUT", "/fhir/Basic/b1", basic("secret"))
	w := asked(t, d.door, "PATCH", "/fhir/Basic/b1", `[{"op":"test","path":"/code/text","value":"x"}]`, jsonPatch)
	if looks := d.fresh(); w.Code != 422 || strings.Contains(w.Body.String(), "secret") || len(looks) > 0 {
		t.Errorf("a patch that is refused shows what is kept, or is a look: %d %s, %q", w.Code, w.Body, looks)
	}
}

// wayOut is a question, and the looks that it leaves in the trail.
type wayOut struct {
	method, path, body string
	headers            []string
	status             int
	want               []string
}

// waysOut are asked one after the other; version is that of Basic/b1 before them.
func waysOut(version string) []wayOut {
	const found, whole, least = `If-None-Exist: identifier=1`, "Prefer: return=representation", "Prefer: return=minimal"
	const form = "Content-Type: application/x-www-form-urlencoded"
	head := `{"name":"head","valueId":"` + version + `"}`
	return []wayOut{
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
		{"GET", "/fhir/Patient?_id=p1&_summary=count", "", nil, 200, []string{"search-type Patient [p1] [_id _summary]"}},
		{"GET", "/fhir/Basic?patient=p1&_count=0", "", nil, 200, []string{"search-type Basic [p1] [_count patient]"}},
		{"GET", "/fhir/Basic?subject=p1&code=none", "", nil, 200, []string{"search-type Basic [p1] [code subject]"}},
		{"GET", "/fhir/Basic?author=Patient/p2&_summary=count", "", nil, 200, []string{"search-type Basic [p2] [_summary author]"}},
		// What is nobody's dossier may be a name that was typed for an id.
		{"GET", "/fhir/Patient?_id=Peeters", "", nil, 200, []string{"search-type Patient [] [_id]"}},
		{"GET", "/fhir/Basic?patient=Peeters", "", nil, 200, []string{"search-type Basic [] [patient]"}},
		{"GET", "/fhir/Basic?patient=Patient/Peeters&_summary=count", "", nil, 200, []string{"search-type Basic [] [_summary patient]"}},
		{"GET", "/fhir/Provenance?patient=Peeters", "", nil, 200, []string{"search-type Provenance [] [patient]"}},
		{"GET", "/fhir/Provenance/" + version, "", nil, 200, []string{"read Provenance/" + version + " [p1] []"}},
		{"GET", "/fhir/Provenance?target=Basic/b1", "", nil, 200, []string{"search-type Provenance [p1] [target]"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Accept: application/pdf"}, 200, []string{"read Binary/c1 [p1] []"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Accept: application/fhir+json"}, 200, []string{"read Binary/c1 [p1] []"}},
		{"GET", "/fhir/Binary/c1", "", []string{"Range: bytes=1-2"}, 206, []string{"read Binary/c1 [p1] []"}},
		{"POST", "/fhir", posted("batch", entryOf("", "", "GET", "Basic/b1", ""), entryOf("", "", "GET", "Patient?_id=p2", ""), entryOf("", "", "GET", "Basic/none", "")), nil, 200,
			[]string{"read Basic/b1 [p1] []", "search-type Patient [p2] [_id]"}},
		{"POST", "/fhir", posted("transaction", entryOf("", "", "GET", "Basic/b1", "")), nil, 200, []string{"read Basic/b1 [p1] []"}},

		{"POST", "/fhir/Patient", lookedAt("Other"), []string{found}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir/Patient", lookedAt("Other"), []string{found, whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir/Patient", lookedAt("Other"), []string{found, least}, 200, nil},
		{"POST", "/fhir/Patient", lookedAt("Other"), []string{found, "Prefer: return=OperationOutcome"}, 200, nil},
		{"POST", "/fhir", posted("batch", entryOf("", lookedAt("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), []string{whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", entryOf("", lookedAt("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), []string{whole}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", entryOf("", lookedAt("Other"), "POST", "Patient", `,"ifNoneExist":"identifier=1"`)), nil, 200, nil},
		{"POST", "/fhir/Basic/b1/$resolve", `{"resourceType":"Parameters","parameter":[` + head + `,{"name":"keep","valueId":"` + version + `"}]}`, nil, 200, []string{"read Basic/b1 [p1] []"}},
		{"PATCH", "/fhir/Basic/b1", `[{"op":"replace","path":"/code/text","value":"two"}]`, []string{jsonPatch}, 200, []string{"read Basic/b1 [p1] []"}},
		{"PATCH", "/fhir/Basic/b1", `[{"op":"replace","path":"/code/text","value":"three"}]`, []string{jsonPatch, least}, 200, nil},
		{"PATCH", "/fhir/Patient?identifier=1", `[{"op":"add","path":"/gender","value":"female"}]`, []string{jsonPatch}, 200, []string{"read Patient/p1 [p1] []"}},
		{"POST", "/fhir", posted("transaction", patchEntry("Basic/b1", `[{"op":"replace","path":"/code/text","value":"four"}]`, "")), []string{whole}, 200, []string{"read Basic/b1 [p1] []"}},
		{"PUT", "/fhir/Patient?identifier=1", lookedAt("Own"), nil, 200, nil},
		{"PUT", "/fhir/Basic/b1", basic("own"), []string{whole}, 200, nil},
		{"DELETE", "/fhir/Basic/b1", "", nil, 204, nil},

		{"GET", "/fhir/Basic/b1", "", nil, 410, nil},
		{"GET", "/fhir/Basic/none", "", nil, 404, nil},
		{"GET", "/fhir/metadata", "", nil, 200, nil},
	}
}

// Whoever wrote or looked is named by the number that their record has: that of the health insurance, or else the
// national one; who has none is named by their record alone.
func TestWhoIsNamedByNumber(t *testing.T) {
	d, _ := watch(t)
	const nihdi, ssin = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi", "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"
	identifiers := map[string]string{
		"dr-1": `{"system":"` + ssin + `","value":"85073003328"},{"use":"old","system":"` + nihdi + `","value":"1"},{"system":"` + nihdi + `","value":"10000106003"},{"system":"http://x","value":"2"}`,
		"dr-2": `{"system":"` + ssin + `","value":"85073003328"}`,
		"dr-3": `{"system":"http://x","value":"2"}`,
	}
	want := map[string]string{
		"dr-1": nihdi + "|10000106003", "dr-2": ssin + "|85073003328", "dr-3": "|", "dr-4": "|",
	}
	for id, list := range identifiers {
		asked(t, d.door, "PUT", "/fhir/Practitioner/"+id, `{"resourceType":"Practitioner","id":"`+id+`","identifier":[`+list+`]}`).want(201)
	}
	type agents struct {
		Agent []struct {
			Who struct {
				Reference  string
				Identifier struct{ System, Value string }
			}
		}
	}
	named := func(what string, resource []byte) string {
		t.Helper()
		var a agents
		if err := json.Unmarshal(resource, &a); err != nil || len(a.Agent) == 0 {
			t.Fatalf("%s: %v %s", what, err, resource)
		}
		who := a.Agent[0].Who
		id := strings.TrimPrefix(who.Reference, "Practitioner/")
		if got := who.Identifier.System + "|" + who.Identifier.Value; got != want[id] {
			t.Errorf("%s of %s names the number %q, want %q", what, id, got, want[id])
		}
		if err := structure.Check(resource); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return id
	}
	wrote, looked := map[string]bool{}, map[string]bool{}
	for id := range want {
		version := asked(t, d.door, "PUT", "/fhir/Basic/b1", basic(id), "Carelog-User: "+id).version()
		wrote[named("a Provenance", asked(t, d.door, "GET", "/fhir/Provenance/"+version.String(), "").want(200).Body.Bytes())] = true
		asked(t, d.door, "GET", "/fhir/Basic/b1", "", "Carelog-User: "+id).want(200)
	}
	for _, e := range asked(t, d.door, "GET", "/fhir/Provenance?target=Basic/b1", "").want(200).bundle().Entry {
		if e.Search.Mode == "match" {
			named("a Provenance that is found", e.Resource)
		}
	}
	for _, e := range asked(t, d.door, "GET", "/fhir/AuditEvent?entity=Basic/b1", "").want(200).bundle().Entry {
		if e.Search.Mode == "match" {
			looked[named("an AuditEvent", e.Resource)] = true
		}
	}
	heads := asked(t, d.door, "GET", "/fhir/Basic/b1/$conflicts", "").want(200).bundle()
	named("of a head", heads.Entry[len(heads.Entry)-1].Resource)
	if len(wrote) != len(want) || len(looked) != len(want) {
		t.Errorf("%d wrote and %d looked, want %d", len(wrote), len(looked), len(want))
	}
}

package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
)

func recordOf(typ, id string) events.Record { return events.Record{Type: typ, ID: id} }

// provenanceOf is what a test looks at.
type provenanceOf struct {
	ID       string
	Target   []struct{ Reference string }
	Activity struct{ Coding []struct{ Code string } }
	Agent    []struct {
		Who        struct{ Reference string }
		OnBehalfOf struct{ Identifier struct{ Value string } }
	}
	Entity []struct {
		Role string
		What struct{ Reference string }
	}
	Recorded, OccurredDateTime string
}

func TestProvenanceOfEveryEvent(t *testing.T) {
	d := newDesk(t)
	one := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one"), "Carelog-User: dr-1").want(201).version()
	two := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two"), "Carelog-User: dr-2").want(200).version()
	gone := d.do("DELETE", "/fhir/Basic/b1", "", "Carelog-User: dr-3").want(204).version()
	for _, c := range []struct {
		id                    events.ID
		activity, who, parent string
	}{{one, "CREATE", "Practitioner/dr-1", ""}, {two, "UPDATE", "Practitioner/dr-2", one.String()}, {gone, "DELETE", "Practitioner/dr-3", two.String()}} {
		var p provenanceOf
		got := d.do("GET", "/fhir/Provenance/"+c.id.String(), "").want(200)
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		parent := ""
		if len(p.Entity) == 1 && p.Entity[0].Role == "revision" {
			parent = strings.TrimPrefix(p.Entity[0].What.Reference, "Basic/b1/_history/")
		}
		if p.ID != c.id.String() || p.Target[0].Reference != "Basic/b1/_history/"+c.id.String() || p.Activity.Coding[0].Code != c.activity ||
			p.Agent[0].Who.Reference != c.who || parent != c.parent || p.Recorded == "" || p.OccurredDateTime != p.Recorded || p.Agent[0].OnBehalfOf.Identifier.Value != d.practice.ID || got.version() != c.id {
			t.Errorf("got %s, want %+v", got.Body, c)
		}
	}
	for _, method := range []string{"PUT", "DELETE"} {
		d.do(method, "/fhir/Provenance/"+one.String(), `{"resourceType":"Provenance","id":"`+one.String()+`"}`).want(405)
	}
	d.do("GET", "/fhir/Provenance/01J00000000000000000000000", "").want(404)
	// Who has it already is not given it again, as of every record.
	for header, want := range map[string]int{
		"If-None-Match: " + `W/"` + one.String() + `"`: 304, "If-None-Match: *": 304, "If-Modified-Since: Mon, 01 Jan 2085 00:00:00 GMT": 304,
		"If-None-Match: " + `W/"` + two.String() + `"`: 200, "If-Modified-Since: Mon, 01 Jan 2001 00:00:00 GMT": 200, "If-None-Match: ": 400, "If-Modified-Since: soon": 400,
	} {
		if got := d.do("GET", "/fhir/Provenance/"+one.String(), "", header).want(want); want == 304 && (got.Body.Len() > 0 || got.version() != one) {
			t.Errorf("%s: %v %s", header, got.Header(), got.Body)
		}
	}
	// What clients make is a record like any other.
	own := `{"resourceType":"Provenance","id":"own","target":[{"reference":"Patient/p1"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/dr-9"}}]}`
	d.do("PUT", "/fhir/Provenance/own", own).want(201)
	d.do("GET", "/fhir/Provenance/own", "").want(200)
	d.do("DELETE", "/fhir/Provenance/own", "").want(204)
}

func TestProvenanceSearch(t *testing.T) {
	d := newDesk(t)
	one := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one"), "Carelog-User: dr-1").want(201).version().String()
	two := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two"), "Carelog-User: dr-2").want(200).version().String()
	three := d.do("PUT", "/fhir/Basic/b2", basicOf("b2", "p1", "three"), "Carelog-User: dr-1").want(201).version().String()
	d.do("PUT", "/fhir/Basic/b3", basicOf("b3", "p2", "of another"), "Carelog-User: dr-1").want(201)
	d.do("PUT", "/fhir/Provenance/own", `{"resourceType":"Provenance","id":"own","target":[{"reference":"Patient/p1"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}`, "Carelog-User: dr-9").want(201)
	ownEvent := d.do("GET", "/fhir/Provenance/own", "").version().String()
	four := d.do("GET", "/fhir/Basic/b3", "").version().String()
	came := func(id string) string { return d.do("GET", "/fhir/Provenance/"+id, "").Header().Get("Last-Modified") }
	at := func(id string) string {
		t.Helper()
		when, err := http.ParseTime(came(id))
		if err != nil {
			t.Fatal(err)
		}
		return when.Format(time.RFC3339)
	}
	for query, want := range map[string][]string{
		"target=Basic/b1": {two, one}, "target=Basic/b1/_history/" + one: {one}, "target=Basic/none": {},
		"target=http://127.0.0.1:7878/fhir/Basic/b2": {three},
		"patient=p1": {ownEvent, three, two, one},
		"patient=Patient/p1&agent=Practitioner/dr-1": {three, one}, "patient=p1&agent=Device/desk-1": {ownEvent, three, two, one},
		"": {ownEvent, four, three, two, one}, "agent=Practitioner/dr-1": {four, three, one}, "agent=dr-2": {two}, "agent=Practitioner/nobody": {},
		"recorded=lt2000": {}, "_lastUpdated=lt2000": {}, "_lastUpdated=ge" + at(four): {ownEvent, four}, "agent=dr-1&_lastUpdated=lt" + at(four): {three, one},
		"_lastUpdated=" + at(two): {two}, "_lastUpdated=gt" + at(one) + "&_lastUpdated=lt" + at(three): {two}, "patient=p1&_lastUpdated=le" + at(one): {one},
		"patient=p1&recorded=lt2000": {}, "patient=p1&recorded=ge2000": {ownEvent, three, two, one},
	} {
		var got []string
		records := 0
		for next := "/fhir/Provenance?_count=2&" + query; next != ""; {
			page := d.do("GET", next, "").want(200).bundle()
			for _, id := range page.ids(t) {
				if id == "own" {
					records++
					continue
				}
				got = append(got, id)
			}
			next = strings.TrimPrefix(page.link("next"), "http://127.0.0.1:7878")
		}
		if !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
		if query == "patient=p1" && records != 1 {
			t.Errorf("%s finds %d records of clients, want theirs after the log's", query, records)
		}
	}
	for _, query := range []string{"target=x", "patient=p1&recorded=soon", "target=Basic/b1&patient=p1", "target=Basic/b1&_cursor=x.1", "_lastUpdated=soon", "agent=dr-1&agent=dr-2"} {
		d.do("GET", "/fhir/Provenance?"+query, "").want(400)
	}
}

// watched is a desk that keeps who looks at what.
func watched(t *testing.T) (*desk, *trail.Trail) {
	t.Helper()
	d := newDesk(t)
	looks, err := trail.Open(trail.Config{Folder: filepath.Join(t.TempDir(), "trail"), Device: "desk-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := looks.Close(); err != nil {
			t.Error(err)
		}
	})
	c := doorConfig(d, unread{d.store, d})
	c.Trail = looks
	d.door = fhir.New(c)
	return d, looks
}

// looked is what the trail has, the first look first.
func looked(t testing.TB, looks *trail.Trail, q trail.Query) (list []string) {
	t.Helper()
	q.Limit = trail.MaxLimit
	page, err := looks.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(page.Entries) {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s %v %v", e.Agent, e.Did, e.What, e.Patients, e.Query)))
	}
	return list
}

func TestAuditEvents(t *testing.T) {
	d, _ := watched(t)
	for _, p := range []string{"p1", "p2"} {
		d.do("PUT", "/fhir/Basic/of-"+p, basicOf("of-"+p, p, "x")).want(201)
		for _, dr := range []string{"dr-1", "dr-2"} {
			d.do("GET", "/fhir/Basic/of-"+p, "", "Carelog-User: "+dr).want(200)
		}
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for query, want := range map[string]int{
		"patient=p1": 2, "patient=Patient/p1&agent=Practitioner/dr-2": 1, "agent=dr-1": 2, "entity=Basic/of-p2": 2, "entity=Patient/p2": 2,
		"patient=p3": 0, "date=" + today: 4, "date=lt" + today: 0, "date=ge" + today + "&date=lt2099": 4, "agent=dr-1&patient=p1&date=gt2020": 1,
	} {
		found := 0
		for next := "/fhir/AuditEvent?_count=1&" + query; next != ""; {
			page := d.do("GET", next, "", "Carelog-User: auditor").want(200).bundle()
			for _, e := range page.Entry {
				if e.Search.Mode != "match" || strings.Contains(string(e.Resource), "Practitioner/auditor") {
					continue
				}
				found++
				var kind struct {
					Type    struct{ System, Code string }
					Subtype []struct{ System, Code string }
				}
				if err := json.Unmarshal(e.Resource, &kind); err != nil || kind.Type.System != "http://terminology.hl7.org/CodeSystem/audit-event-type" || kind.Type.Code != "rest" ||
					kind.Subtype[0].System != "http://hl7.org/fhir/restful-interaction" || kind.Subtype[0].Code != "read" {
					t.Errorf("%v: its type is %+v", err, kind)
				}
				path := strings.TrimPrefix(e.FullURL, "http://127.0.0.1:7878")
				if got := d.do("GET", path, "", "Carelog-User: auditor").want(200); got.Body.String() != string(e.Resource) {
					t.Errorf("%s reads as %s, and was found as %s", path, got.Body, e.Resource)
				}
				for _, method := range []string{"PUT", "DELETE"} {
					d.do(method, path, string(e.Resource)).want(405)
				}
			}
			next = strings.TrimPrefix(page.link("next"), "http://127.0.0.1:7878")
		}
		if found != want {
			t.Errorf("%s: %d entries, want %d", query, found, want)
		}
	}
	d.do("POST", "/fhir/AuditEvent", `{"resourceType":"AuditEvent"}`).want(405)
	for _, query := range []string{"type=x", "date=soon", "patient=Patient/", "_cursor=x", "agent=a&agent=b"} {
		d.do("GET", "/fhir/AuditEvent?"+query, "").want(400)
	}
	for _, id := range []string{"trail.2026-01.0", "trail.x", "trail." + time.Now().UTC().Format("2006-01") + ".1", "none"} {
		d.do("GET", "/fhir/AuditEvent/"+id, "").want(404)
	}
}

// TestAuditOfTheHub: what somebody asked of the hub is called by a word of ours, and not of FHIR's interactions.
func TestAuditOfTheHub(t *testing.T) {
	d, looks := watched(t)
	looks.Add(trail.Entry{Agent: "dr-1", Door: "pages", Did: trail.HubRevoke, What: "Patient/p1", Patients: []string{"p1"}})
	text := d.do("GET", "/fhir/AuditEvent?patient=p1", "").want(200).Body.String()
	if !strings.Contains(text, `"code":"hub-revoke"`) || strings.Contains(text, `"system":"http://hl7.org/fhir/restful-interaction","code":"hub-revoke"`) {
		t.Errorf("got %s", text)
	}
}

// BenchmarkReadKept is a read that is kept in the trail; see BenchmarkRead.
func BenchmarkReadKept(b *testing.B) {
	d := newDesk(b)
	looks, err := trail.Open(trail.Config{Folder: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer looks.Close()
	c := doorConfig(d, unread{d.store, d})
	c.Trail = looks
	d.door = fhir.New(c)
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	b.ReportAllocs()
	for b.Loop() {
		d.do("GET", "/fhir/AllergyIntolerance/a1", "").want(200)
	}
}

// TestAnyReading: whatever is asked of histories, exports, Provenance and the trail, it
// is FHIR and no fault of ours.
func TestAnyReading(t *testing.T) {
	d, _ := watched(t)
	version := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "x")).want(201).version().String()
	d.do("PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1"}`).want(201)
	of := func(t *rapid.T, name string, list ...string) string { return rapid.SampledFrom(list).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		path := of(t, "path", "/_history", "/Basic/_history", "/Basic/b1/_history", "/Patient/p1/$everything", "/Patient/x/$everything", "/$export",
			"/_export/x", "/_export/x/y", "/Provenance", "/Provenance/_search", "/Provenance/"+version, "/Provenance/"+version+"/_history/"+version,
			"/AuditEvent", "/AuditEvent/_search", "/AuditEvent/trail.2026-01.0", "/AuditEvent/x", "/AuditEvent/x/_history")
		query := ""
		for range rapid.IntRange(0, 3).Draw(t, "parameters") {
			query += of(t, "name", "_since", "_count", "_cursor", "_type", "_at", "target", "patient", "agent", "recorded", "date", "entity", "x") + "=" +
				rapid.OneOf(rapid.SampledFrom([]string{"1", "0", "p1", "Basic/b1", "Basic/b1/_history/" + version, "ge2026-01", "2026-01-01T00:00:00Z", "2026-11.3", "0123456789abcdef.1", "Basic,Patient"}), rapid.String()).Draw(t, "value") + "&"
		}
		if err := anyRequest(d, of(t, "method", "GET", "HEAD", "PUT", "POST", "DELETE"), path, query, "", of(t, "body", "", "{}", "patient=p1")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestMetadataOfLess: a door behind which there are no exports and no trail offers none.
func TestMetadataOfLess(t *testing.T) {
	d := newDesk(t)
	s := d.stated().Rest[0]
	if len(s.Operation) != 0 || slices.ContainsFunc(s.Resource, func(r statedType) bool { return r.Type == "AuditEvent" || r.has("patient-export") }) {
		t.Errorf("stated is %+v", s)
	}
	d.do("GET", "/fhir/$export", "").want(404)
	d.do("GET", "/fhir/Patient/$export", "").want(404)
}

// TestProvenanceHasOneVersion: what is made of the log has the version that its meta names, by
// itself and in its history.
func TestProvenanceHasOneVersion(t *testing.T) {
	d, looks := watched(t)
	id := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one"), "Carelog-User: dr-1").want(201).version().String()
	other := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two"), "Carelog-User: dr-1").want(200).version().String()
	at := "/fhir/Provenance/" + id
	read := d.do("GET", at, "").want(200).Body.String()
	version := d.do("GET", at+"/_history/"+id, "", "Carelog-User: dr-2").want(200)
	if version.Body.String() != read || version.version().String() != id {
		t.Errorf("the version is %s, and read is %s", version.Body, read)
	}
	history := d.do("GET", at+"/_history", "", "Carelog-User: dr-2").want(200)
	past := history.bundle()
	if past.Type != "history" || past.Total == nil || *past.Total != 1 || len(past.Entry) != 1 {
		t.Fatalf("the history is %s", history.Body)
	}
	e := past.Entry[0]
	if string(e.Resource) != read || e.FullURL != "http://127.0.0.1:7878"+at || e.Request.Method != "POST" || e.Response.Status != "201 Created" ||
		e.Response.ETag != `W/"`+id+`"` || e.Response.Location != e.FullURL+"/_history/"+id {
		t.Errorf("its entry is %+v", e)
	}
	for query, n := range map[string]int{"_since=2000-01-01T00:00:00Z": 1, "_since=2099-01-01T00:00:00Z": 0, "_count=1": 1} {
		if got := d.do("GET", at+"/_history?"+query, "").want(200).bundle(); len(got.Entry) != n || *got.Total != n {
			t.Errorf("%s: %d entries", query, len(got.Entry))
		}
	}
	d.do("GET", at+"/_history?_at=2026", "").want(400)
	for _, missing := range []string{at + "/_history/" + other, at + "/_history/1", "/fhir/Provenance/01J00000000000000000000000/_history", "/fhir/Provenance/01J00000000000000000000000/_history/01J00000000000000000000000"} {
		d.do("GET", missing, "").want(404)
	}
	for _, method := range []string{"PUT", "DELETE", "POST"} {
		d.do(method, at+"/_history", "{}").want(405)
	}
	want := []string{"dr-2 vread Provenance/" + id + "/_history/" + id + " [p1] []", "dr-2 history-instance Provenance/" + id + " [p1] []"}
	var got []string
	for _, line := range looked(t, looks, trail.Query{}) {
		if strings.HasPrefix(line, "dr-2 ") {
			got = append(got, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("looks are %q, want %q", got, want)
	}
	// One of a client has its own.
	own := d.do("PUT", "/fhir/Provenance/own", least("Provenance", "own", "en")).want(201).version().String()
	d.do("GET", "/fhir/Provenance/own/_history", "").want(200)
	d.do("GET", "/fhir/Provenance/own/_history/"+own, "").want(200)
}

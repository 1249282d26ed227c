package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

const tag = `"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sync","code":"conflict"}]`

func noteOf(text string) string { return fmt.Sprintf(note, text) }

// TestConflict plays a conflict over plain REST: it is seen in every answer, extended
// on one branch, and settled.
func TestConflict(t *testing.T) {
	d := newDesk(t)
	ancestor := d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201).version()
	d.do("PUT", "/fhir/Basic/n2", `{"resourceType":"Basic","id":"n2","code":{"text":"x"}}`).want(201)
	ours := d.do("PUT", "/fhir/Basic/n1", noteOf("ours")).want(200).version()
	calm := d.do("GET", "/fhir/Basic/n1", "")
	if strings.Contains(calm.Body.String(), tag) {
		t.Fatalf("a tag without a conflict: %s", calm.Body)
	}
	theirs := d.elsewhere("Basic/n1", "", noteOf("theirs"), ancestor)

	// The first in the log is shown, and no cache hides the tag.
	read := d.do("GET", "/fhir/Basic/n1", "", "If-None-Match: "+calm.Header().Get("ETag")).want(200)
	if read.version() != ours || !strings.Contains(read.Body.String(), tag) || !strings.Contains(read.Body.String(), "ours") {
		t.Errorf("read %s", read.Body)
	}
	for _, head := range []events.ID{ours, theirs} {
		if got := d.do("GET", "/fhir/Basic/n1/_history/"+head.String(), "").want(200); !strings.Contains(got.Body.String(), tag) {
			t.Errorf("vread of a head without the tag: %s", got.Body)
		}
	}
	if got := d.do("GET", "/fhir/Basic/n1/_history/"+ancestor.String(), "").want(200); strings.Contains(got.Body.String(), tag) {
		t.Errorf("the ancestor carries the tag: %s", got.Body)
	}
	for _, query := range []string{"_tag=conflict", "_tag=https://carelog.eu/fhir/CodeSystem/sync%7Cconflict"} {
		if got := d.do("GET", "/fhir/Basic?"+query, "").want(200).bundle().ids(t); !slices.Equal(got, []string{"n1"}) {
			t.Errorf("%s finds %v", query, got)
		}
	}
	if got := versionsIn(t, d, "/fhir/Basic/n1/$conflicts"); !slices.Equal(got, []string{
		"head Basic " + ours.String(), "head Provenance CREATE-UPDATE " + ancestor.String(),
		"head Basic " + theirs.String(), "head Provenance CREATE-UPDATE " + ancestor.String(),
		"ancestor Basic " + ancestor.String(), "ancestor Provenance CREATE-UPDATE ",
	}) {
		t.Errorf("$conflicts:\n%s", strings.Join(got, "\n"))
	}

	// A client that knows of no conflict extends the branch it saw; nothing is lost.
	sent := strings.Replace(read.Body.String(), "ours", "ours too", 1)
	extended := d.do("PUT", "/fhir/Basic/n1", sent, "If-Match: "+read.Header().Get("ETag")).want(200)
	if !strings.Contains(extended.Body.String(), tag) {
		t.Errorf("the conflict is gone from %s", extended.Body)
	}
	kept, err := d.store.Version(t.Context(), events.Record{Type: "Basic", ID: "n1"}, extended.version())
	if err != nil || string(kept.Body) != noteOf("ours too") {
		t.Errorf("kept %s, %v", kept.Body, err)
	}

	// Both heads named: settled.
	match := fmt.Sprintf(`If-Match: W/"%s", W/"%s"`, extended.version(), theirs)
	settled := d.do("PUT", "/fhir/Basic/n1", noteOf("both"), match).want(200)
	if strings.Contains(settled.Body.String(), tag) {
		t.Errorf("settled, and still tagged: %s", settled.Body)
	}
	d.do("GET", "/fhir/Basic/n1", "", "If-None-Match: "+settled.Header().Get("ETag")).want(304)
	if got := d.do("GET", "/fhir/Basic?_tag=conflict", "").want(200).bundle(); *got.Total != 0 {
		t.Errorf("still %d in conflict", *got.Total)
	}
}

// versionsIn reads what $conflicts tells.
func versionsIn(t *testing.T, d *desk, path string) (out []string) {
	t.Helper()
	b := d.do("GET", path, "").want(200).bundle()
	if len(b.Meta.Tag) != 1 || b.Meta.Tag[0] != fhirjson.ConflictTag {
		t.Errorf("the Bundle's tag: %v", b.Meta.Tag)
	}
	for _, e := range b.Entry {
		var r struct {
			ResourceType string
			Meta         struct{ VersionID string }
			Entity       []struct{ What struct{ Reference string } }
			Agent        []struct{ Who struct{ Reference string } }
			Activity     struct{ Coding []struct{ Code string } }
		}
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.FullURL, "_history") {
			t.Errorf("fullUrl %q: FHIR forbids a version there", e.FullURL)
		}
		line := e.Link[0].Relation + " " + r.ResourceType + " " + r.Meta.VersionID
		if r.ResourceType == "Provenance" {
			line = e.Link[0].Relation + " Provenance CREATE-UPDATE "
			if code := r.Activity.Coding[0].Code; code == "DELETE" {
				line = e.Link[0].Relation + " Provenance DELETE "
			}
			for _, parent := range r.Entity {
				line += parent.What.Reference[strings.LastIndex(parent.What.Reference, "/")+1:]
			}
			if !strings.HasPrefix(r.Agent[0].Who.Reference, "Practitioner/") || !strings.HasPrefix(r.Agent[1].Who.Reference, "Device/desk-") {
				t.Errorf("who: %+v", r.Agent)
			}
		} else if !strings.HasSuffix(e.Link[0].URL, "/_history/"+r.Meta.VersionID) {
			t.Errorf("link %q of version %s", e.Link[0].URL, r.Meta.VersionID)
		}
		out = append(out, line)
	}
	return out
}

// split makes a record n1 with two heads.
func split(d *desk) (ours, theirs events.ID) {
	d.t.Helper()
	ancestor := d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201).version()
	return d.do("PUT", "/fhir/Basic/n1", noteOf("ours")).want(200).version(), d.elsewhere("Basic/n1", "", noteOf("theirs"), ancestor)
}

func parameters(heads []events.ID, rest ...string) string {
	var list []string
	for _, h := range heads {
		list = append(list, `{"name":"head","valueId":"`+h.String()+`"}`)
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(append(list, rest...), ",") + `]}`
}

func TestResolve(t *testing.T) {
	const merge = `{ "resourceType": "Basic", "code": {"text":"both"}, "extension":[{"url":"x","valueDecimal":1.00}] }`
	keep := func(id events.ID) string { return `{"name":"keep","valueString":"` + id.String() + `"}` }
	resource := func(body string) string { return `{"name":"resource","resource":` + body + `}` }
	for name, row := range map[string]struct {
		body   func(ours, theirs events.ID) string
		status int
		code   string
		want   string // the body kept
	}{
		"keep one":      {func(a, b events.ID) string { return parameters([]events.ID{a, b}, keep(b)) }, 200, "", noteOf("theirs")},
		"a merge":       {func(a, b events.ID) string { return parameters([]events.ID{b, a}, resource(merge)) }, 200, "", strings.Replace(merge, `"Basic",`, `"Basic","id":"n1",`, 1)},
		"not all heads": {func(a, b events.ID) string { return parameters([]events.ID{a}, keep(a)) }, 412, "conflict", ""},
		"no head":       {func(a, b events.ID) string { return parameters(nil, keep(a)) }, 400, "required", ""},
		"no choice":     {func(a, b events.ID) string { return parameters([]events.ID{a, b}) }, 400, "required", ""},
		"two choices":   {func(a, b events.ID) string { return parameters([]events.ID{a, b}, keep(a), resource(merge)) }, 400, "required", ""},
		"two to keep":   {func(a, b events.ID) string { return parameters([]events.ID{a, b}, keep(a), keep(b)) }, 400, "invariant", ""},
		"two merges":    {func(a, b events.ID) string { return parameters([]events.ID{a, b}, resource(merge), resource(merge)) }, 400, "invariant", ""},
		"keep no head":  {func(a, b events.ID) string { return parameters([]events.ID{a, b}, keep(events.ID{1})) }, 400, "value", ""},
		"no id":         {func(a, b events.ID) string { return parameters([]events.ID{a, b}, `{"name":"keep","valueId":"3"}`) }, 400, "value", ""},
		"another type":  {func(a, b events.ID) string { return parameters([]events.ID{a, b}, resource(`{"resourceType":"Flag"}`)) }, 400, "value", ""},
		"another record": {func(a, b events.ID) string {
			return parameters([]events.ID{a, b}, resource(`{"resourceType":"Basic","id":"n2","code":{"text":"x"}}`))
		}, 400, "value", ""},
		"another patient": {func(a, b events.ID) string {
			return parameters([]events.ID{a, b}, resource(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}`))
		}, 422, "business-rule", ""},
		"not R4": {func(a, b events.ID) string {
			return parameters([]events.ID{a, b}, resource(`{"resourceType":"Basic","cod":{"text":"x"}}`))
		}, 422, "structure", ""},
		"unknown": {func(a, b events.ID) string {
			return parameters([]events.ID{a, b}, `{"name":"both","valueBoolean":true}`)
		}, 400, "not-supported", ""},
		"no resource":   {func(a, b events.ID) string { return parameters([]events.ID{a, b}, `{"name":"resource"}`) }, 400, "structure", ""},
		"no Parameters": {func(a, b events.ID) string { return merge }, 400, "value", ""},
		"no list":       {func(a, b events.ID) string { return `{"resourceType":"Parameters","parameter":1}` }, 400, "structure", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			ours, theirs := split(d)
			writes := d.writes
			got := d.do("POST", "/fhir/Basic/n1/$resolve", row.body(ours, theirs), "Carelog-User: dr-7").want(row.status)
			if row.code != "" {
				if got.issueCode() != row.code || d.writes != writes {
					t.Errorf("code %q, want %q; written %d times: %s", got.issueCode(), row.code, d.writes-writes, got.Body)
				}
				for _, head := range []events.ID{ours, theirs} {
					if row.status == 412 && !strings.Contains(got.Body.String(), head.String()) {
						t.Errorf("the head %s is not named: %s", head, got.Body)
					}
				}
				return
			}
			v, err := d.store.Version(t.Context(), events.Record{Type: "Basic", ID: "n1"}, got.version())
			if err != nil || string(v.Body) != row.want || len(v.Event.Parents) != 2 || v.Event.Author != "dr-7" {
				t.Errorf("kept %s by %s on %v: %v", v.Body, v.Event.Author, v.Event.Parents, err)
			}
		})
	}
}

// TestResolveDeletion: a deletion is a head like any other, and can be the choice.
func TestResolveDeletion(t *testing.T) {
	d := newDesk(t)
	ancestor := d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201).version()
	gone := d.do("DELETE", "/fhir/Basic/n1", "").want(204).version()
	edit := d.elsewhere("Basic/n1", "", noteOf("theirs"), ancestor)
	if got := d.do("GET", "/fhir/Basic/n1", "").want(200); got.version() != edit || !strings.Contains(got.Body.String(), tag) {
		t.Errorf("a deletion hides an edit: %s", got.Body)
	}
	if got := versionsIn(t, d, "/fhir/Basic/n1/$conflicts"); !slices.Equal(got, []string{
		"head Basic " + edit.String(), "head Provenance CREATE-UPDATE " + ancestor.String(),
		"head Provenance DELETE " + ancestor.String(),
		"ancestor Basic " + ancestor.String(), "ancestor Provenance CREATE-UPDATE ",
	}) {
		t.Errorf("$conflicts:\n%s", strings.Join(got, "\n"))
	}
	d.do("POST", "/fhir/Basic/n1/$resolve", parameters([]events.ID{gone, edit}, `{"name":"keep","valueId":"`+gone.String()+`"}`)).want(200)
	d.do("GET", "/fhir/Basic/n1", "").want(410)
}

// Whoever polls by lastUpdated hears of a conflict when it begins: the record is as new as the
// last of its heads to come, whichever is shown, wherever a time is asked for or given.
func TestAConflictIsNewToWhoPolls(t *testing.T) {
	d := newDesk(t)
	type stamped struct {
		Meta struct{ LastUpdated string }
	}
	lastUpdated := func(body []byte) string {
		t.Helper()
		var r stamped
		if err := json.Unmarshal(body, &r); err != nil {
			t.Fatal(err)
		}
		return r.Meta.LastUpdated
	}
	const at = "/fhir/Basic/n1"
	zero := d.do("PUT", at, fmt.Sprintf(note, "0")).want(201).version()
	ours := d.do("PUT", at, fmt.Sprintf(note, "ours")).want(200)
	d.do("PUT", "/fhir/Basic/n2", strings.Replace(fmt.Sprintf(note, "calm"), `"n1"`, `"n2"`, 1)).want(201)
	seen := lastUpdated(d.do("GET", "/fhir/Basic/n2", "").want(200).Body.Bytes())
	if got := d.finds("Basic?_lastUpdated=gt" + seen); len(got) > 0 {
		t.Fatalf("before it begins, %v is new", got)
	}
	d.elsewhere("Basic/n1", "", fmt.Sprintf(note, "theirs"), zero)

	read := d.do("GET", at, "").want(200)
	if read.version() != ours.version() || !strings.Contains(read.Body.String(), tag) {
		t.Fatalf("shown is %s", read.Body)
	}
	now := lastUpdated(read.Body.Bytes())
	if now <= seen {
		t.Errorf("lastUpdated is %s, as if nothing had come since %s", now, seen)
	}
	if when, err := time.Parse(time.RFC3339, now); err != nil || read.Header().Get("Last-Modified") != when.UTC().Format(http.TimeFormat) {
		t.Errorf("Last-Modified is %s, lastUpdated %s", read.Header().Get("Last-Modified"), now)
	}
	for _, query := range []string{"_lastUpdated=gt" + seen, "_lastUpdated=" + now, "_lastUpdated=ge" + now + "&_id=n1"} {
		got := d.do("GET", "/fhir/Basic?"+query, "").want(200).bundle()
		if ids := got.ids(t); !slices.Equal(ids, []string{"n1"}) {
			t.Errorf("%s finds %v", query, ids)
		} else if found := lastUpdated(got.Entry[0].Resource); found != now {
			t.Errorf("%s gives lastUpdated %s, a read %s", query, found, now)
		}
	}
	if got := d.finds("Basic?_sort=-_lastUpdated"); !slices.Equal(got, []string{"n1", "n2"}) {
		t.Errorf("the newest first: %v", got)
	}
	if got := d.finds("Basic?_lastUpdated=le" + url.QueryEscape(seen)); !slices.Equal(got, []string{"n2"}) {
		t.Errorf("what came until then: %v", got)
	}
	// Who saw only the one head does not write by its date, and who saw both does.
	d.do("PUT", at, fmt.Sprintf(note, "blind"), "If-Unmodified-Since: "+ours.Header().Get("Last-Modified")).want(412)
	d.do("GET", at, "", "If-Modified-Since: "+read.Header().Get("Last-Modified")).want(200)
	d.do("PUT", at, fmt.Sprintf(note, "seen"), "If-Unmodified-Since: "+read.Header().Get("Last-Modified")).want(200)
}

// So does whoever asks for what is new in a dossier.
func TestAConflictIsNewInItsDossier(t *testing.T) {
	d := people(t)
	const at, weight = "/fhir/Observation/w1", `{"resourceType":"Observation","id":"w1","status":"final","code":{"text":%q},"subject":{"reference":"Patient/p1"}}`
	zero := d.do("PUT", at, fmt.Sprintf(weight, "0")).want(201).version()
	d.do("PUT", at, fmt.Sprintf(weight, "ours")).want(200)
	last := d.do("PUT", "/fhir/Observation/w2", strings.Replace(fmt.Sprintf(weight, "calm"), `"w1"`, `"w2"`, 1)).want(201)
	when, err := http.ParseTime(last.Header().Get("Last-Modified"))
	if err != nil {
		t.Fatal(err)
	}
	since := "/fhir/Patient/p1/$everything?_type=Observation&_since=" + url.QueryEscape(when.Add(time.Millisecond).Format(time.RFC3339Nano))
	if got := d.do("GET", since, "").want(200).bundle().ids(t); len(got) > 0 {
		t.Fatalf("before it begins, %v is new", got)
	}
	d.elsewhere("Observation/w1", "p1", fmt.Sprintf(weight, "theirs"), zero)
	if got := d.do("GET", since, "").want(200).bundle().ids(t); !slices.Equal(got, []string{"w1"}) {
		t.Errorf("of the dossier %v is new", got)
	}
}

// One id that two desks gave to records of two patients is found in both dossiers, and who
// looks at the conflict sees both heads.
func TestOneIdInTwoDossiers(t *testing.T) {
	d := people(t)
	const weight = `{"resourceType":"Observation","id":"same","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}}`
	d.do("PUT", "/fhir/Observation/same", fmt.Sprintf(weight, "p1")).want(201)
	d.elsewhere("Observation/same", "p2", fmt.Sprintf(weight, "p2"))
	for _, p := range []string{"p1", "p2"} {
		if got := d.do("GET", "/fhir/Observation?patient="+p, "").want(200).bundle(); *got.Total != 1 {
			t.Errorf("of %s %d are found", p, *got.Total)
		}
		if got := d.do("GET", "/fhir/Patient/"+p+"/$everything?_type=Observation", "").want(200).bundle().ids(t); !slices.Equal(got, []string{"same"}) {
			t.Errorf("all of %s is %v", p, got)
		}
	}
	heads := d.do("GET", "/fhir/Observation/same/$conflicts", "").want(200).Body.String()
	for _, p := range []string{"Patient/p1", "Patient/p2"} {
		if !strings.Contains(heads, p) {
			t.Errorf("$conflicts does not show the head of %s: %s", p, heads)
		}
	}
}

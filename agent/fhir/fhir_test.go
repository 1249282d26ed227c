package fhir_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

const (
	allergy = `{ "resourceType" : "AllergyIntolerance", "id":"a1", "patient":{"reference":"Patient/p1"}, "code":{"text":"nuts"}, "extension":[{"url":"x","valueDecimal":1.00}] }`
	note    = `{"resourceType":"Basic","id":"n1","code":{"text":"%s"}}`
)

// request is one request and what it is answered with.
type request struct {
	method, path, body string
	headers            []string
	status             int
	code               string // of the OperationOutcome
}

// tooBig is more than a resource may have.
var tooBig = `{"resourceType":"Basic","id":"n1","x":"` + strings.Repeat("x", events.MaxPlain) + `"}`

// requests is the table of answers: each row begins with the allergy a1 of patient
// p1 as version V, a1 changed since as W, and the deleted record gone (version D).
var requests = map[string]request{
	"metadata":                 {"GET", "/fhir/metadata", "", nil, 200, ""},
	"create":                   {"POST", "/fhir/AllergyIntolerance", allergy, nil, 201, ""},
	"create, plain JSON":       {"POST", "/fhir/AllergyIntolerance", allergy, []string{"Content-Type: application/json; charset=UTF-8"}, 201, ""},
	"create, no id":            {"POST", "/fhir/Basic", `{"resourceType":"Basic","code":{"text":"x"}}`, nil, 201, ""},
	"create, another type":     {"POST", "/fhir/Condition", allergy, nil, 400, "value"},
	"create, no JSON":          {"POST", "/fhir/Basic", `{"resourceType":`, nil, 400, "structure"},
	"create, no resourceType":  {"POST", "/fhir/Basic", `{"id":"x"}`, nil, 400, "structure"},
	"create, no body":          {"POST", "/fhir/Basic", "", []string{"Content-Type: application/fhir+json"}, 400, "structure"},
	"create, a name twice":     {"POST", "/fhir/Basic", `{"resourceType":"Basic","a":1,"a":2}`, nil, 400, "structure"},
	"create, XML":              {"POST", "/fhir/Basic", "<Basic/>", []string{"Content-Type: application/fhir+xml"}, 415, "not-supported"},
	"create, no content type":  {"POST", "/fhir/Basic", allergy, []string{"Content-Type: "}, 415, "not-supported"},
	"create, Latin-1":          {"POST", "/fhir/Basic", allergy, []string{"Content-Type: application/json; charset=latin1"}, 415, "not-supported"},
	"create, FHIR R5":          {"POST", "/fhir/Basic", allergy, []string{"Content-Type: application/fhir+json; fhirVersion=5.0"}, 415, "not-supported"},
	"create, too large":        {"POST", "/fhir/Basic", tooBig, nil, 413, "too-long"},
	"create, unresolved":       {"POST", "/fhir/AllergyIntolerance", strings.Replace(allergy, "Patient/p1", "urn:uuid:1", 1), nil, 422, "value"},
	"read":                     {"GET", "/fhir/AllergyIntolerance/a1", "", nil, 200, ""},
	"read, as JSON":            {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"Accept: text/html, application/json;q=0.5"}, 200, ""},
	"read, _format":            {"GET", "/fhir/AllergyIntolerance/a1?_format=application/fhir%2Bjson", "", []string{"Accept: text/html"}, 200, ""},
	"read, as XML":             {"GET", "/fhir/AllergyIntolerance/a1", "", []string{"Accept: application/fhir+xml"}, 406, "not-supported"},
	"read, _format XML":        {"GET", "/fhir/AllergyIntolerance/a1?_format=xml", "", nil, 406, "not-supported"},
	"read, known":              {"GET", "/fhir/AllergyIntolerance/a1", "", []string{`If-None-Match: W/"x", W/"W"`}, 304, ""},
	"read, known of old":       {"GET", "/fhir/AllergyIntolerance/a1", "", []string{`If-None-Match: W/"V"`}, 200, ""},
	"read, odd ETag":           {"GET", "/fhir/AllergyIntolerance/a1", "", []string{`If-None-Match: V`}, 400, "value"},
	"read, unknown":            {"GET", "/fhir/AllergyIntolerance/a2", "", nil, 404, "not-found"},
	"read, deleted":            {"GET", "/fhir/AllergyIntolerance/gone", "", nil, 410, "deleted"},
	"vread":                    {"GET", "/fhir/AllergyIntolerance/a1/_history/V", "", nil, 200, ""},
	"vread, unknown":           {"GET", "/fhir/AllergyIntolerance/a1/_history/01J00000000000000000000000", "", nil, 404, "not-found"},
	"vread, no id":             {"GET", "/fhir/AllergyIntolerance/a1/_history/3", "", nil, 404, "not-found"},
	"vread, of another":        {"GET", "/fhir/AllergyIntolerance/gone/_history/V", "", nil, 404, "not-found"},
	"vread, a deletion":        {"GET", "/fhir/AllergyIntolerance/gone/_history/D", "", nil, 410, "deleted"},
	"history":                  {"GET", "/fhir/AllergyIntolerance/a1/_history", "", nil, 200, ""},
	"history, unknown":         {"GET", "/fhir/AllergyIntolerance/a2/_history", "", nil, 404, "not-found"},
	"update":                   {"PUT", "/fhir/AllergyIntolerance/a1", allergy, nil, 200, ""},
	"update, If-Match":         {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: W/"W"`}, 200, ""},
	"update, strong ETag":      {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: "W"`}, 200, ""},
	"update, any":              {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: *`}, 200, ""},
	"update, stale":            {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: W/"V"`}, 412, "conflict"},
	"update, foreign version":  {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: W/"3"`}, 412, "conflict"},
	"update, one of two":       {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: W/"W", W/"V"`}, 412, "conflict"},
	"update, odd ETag":         {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-Match: W/V`}, 400, "value"},
	"update, as create":        {"PUT", "/fhir/AllergyIntolerance/a2", strings.Replace(allergy, "a1", "a2", 1), nil, 201, ""},
	"update, must be new":      {"PUT", "/fhir/AllergyIntolerance/a2", strings.Replace(allergy, "a1", "a2", 1), []string{"If-None-Match: *"}, 201, ""},
	"update, is not new":       {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{"If-None-Match: *"}, 412, "conflict"},
	"update, If-None-Match":    {"PUT", "/fhir/AllergyIntolerance/a1", allergy, []string{`If-None-Match: W/"V"`}, 400, "not-supported"},
	"update, of nothing":       {"PUT", "/fhir/AllergyIntolerance/a2", strings.Replace(allergy, "a1", "a2", 1), []string{`If-Match: W/"V"`}, 412, "conflict"},
	"update, any of nothing":   {"PUT", "/fhir/AllergyIntolerance/a2", strings.Replace(allergy, "a1", "a2", 1), []string{`If-Match: *`}, 412, "conflict"},
	"update, deleted":          {"PUT", "/fhir/AllergyIntolerance/gone", strings.Replace(allergy, "a1", "gone", 1), nil, 201, ""},
	"update, any of a deleted": {"PUT", "/fhir/AllergyIntolerance/gone", strings.Replace(allergy, "a1", "gone", 1), []string{`If-Match: *`}, 412, "conflict"},
	"update, no id":            {"PUT", "/fhir/AllergyIntolerance/a1", strings.Replace(allergy, `"id":"a1",`, "", 1), nil, 400, "value"},
	"update, another id":       {"PUT", "/fhir/AllergyIntolerance/a3", allergy, nil, 400, "value"},
	"update, another type":     {"PUT", "/fhir/Condition/a1", allergy, nil, 400, "value"},
	"update, another patient":  {"PUT", "/fhir/AllergyIntolerance/a1", strings.Replace(allergy, "p1", "p2", 1), nil, 422, "business-rule"},
	"delete":                   {"DELETE", "/fhir/AllergyIntolerance/a1", "", nil, 204, ""},
	"delete, If-Match":         {"DELETE", "/fhir/AllergyIntolerance/a1", "", []string{`If-Match: W/"W"`}, 204, ""},
	"delete, stale":            {"DELETE", "/fhir/AllergyIntolerance/a1", "", []string{`If-Match: W/"V"`}, 412, "conflict"},
	"delete, deleted":          {"DELETE", "/fhir/AllergyIntolerance/gone", "", nil, 204, ""},
	"delete, deleted, stale":   {"DELETE", "/fhir/AllergyIntolerance/gone", "", []string{`If-Match: W/"V"`}, 412, "conflict"},
	"delete, unknown":          {"DELETE", "/fhir/AllergyIntolerance/a2", "", nil, 204, ""},
	"delete, unknown, named":   {"DELETE", "/fhir/AllergyIntolerance/a2", "", []string{`If-Match: W/"V"`}, 412, "conflict"},
	"options":                  {"OPTIONS", "/fhir/metadata", "", nil, 405, "not-supported"},
	"unknown type":             {"GET", "/fhir/Nonsense/a1", "", nil, 404, "not-found"},
	"only ever sent":           {"POST", "/fhir/OperationOutcome", `{"resourceType":"OperationOutcome"}`, nil, 404, "not-found"},
	"no id":                    {"GET", "/fhir/Basic/a_b", "", nil, 404, "not-found"},
	"unknown operation":        {"GET", "/fhir/Basic/a/$nothing", "", nil, 404, "not-found"},
	"too long a path":          {"GET", "/fhir/Basic/a/_history/b/c", "", nil, 404, "not-found"},
	"conflicts":                {"GET", "/fhir/AllergyIntolerance/a1/$conflicts", "", nil, 200, ""},
	"conflicts, unknown":       {"GET", "/fhir/AllergyIntolerance/a2/$conflicts", "", nil, 404, "not-found"},
}

func TestStatus(t *testing.T) { answers(t, requests) }

// answers asks each request of a table at a desk that begins as the table says.
func answers(t *testing.T, table map[string]request) {
	t.Helper()
	begin := func(t *testing.T) (*desk, *strings.Replacer) {
		d := newDesk(t)
		v := d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201).version()
		w := d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(200).version()
		d.do("PUT", "/fhir/AllergyIntolerance/gone", strings.Replace(allergy, "a1", "gone", 1)).want(201)
		gone := d.do("DELETE", "/fhir/AllergyIntolerance/gone", "").want(204).version()
		return d, strings.NewReplacer(`"V"`, `"`+v.String()+`"`, `"W"`, `"`+w.String()+`"`, "/V", "/"+v.String(), "/D", "/"+gone.String())
	}
	shared, sharedNames := begin(t) // for all that is refused, since nothing is written then
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			d, names := shared, sharedNames
			if row.status < 400 {
				d, names = begin(t)
			}
			writes := d.writes
			r := httptest.NewRequestWithContext(t.Context(), row.method, "http://127.0.0.1:7878"+names.Replace(row.path), strings.NewReader(row.body))
			r.Header.Set("Content-Type", "application/fhir+json")
			if row.method == "PATCH" {
				r.Header.Set("Content-Type", "application/json-patch+json")
			}
			for _, h := range row.headers {
				field, value, _ := strings.Cut(h, ": ")
				if field != "Content-Type" {
					value = names.Replace(value)
				}
				r.Header.Set(field, value)
			}
			recorder := httptest.NewRecorder()
			d.door.ServeHTTP(recorder, r)
			got := d.check(reply{recorder, t}).want(row.status)
			if row.code != "" && got.issueCode() != row.code {
				t.Errorf("issue code %q, want %q: %s", got.issueCode(), row.code, got.Body)
			}
			if got.Code >= 400 && d.writes != writes {
				t.Error("refused, and still written")
			}
			if got.Code == 405 && got.Header().Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

// TestDeskErrors: what the desk says becomes what a client can act on.
func TestDeskErrors(t *testing.T) {
	for _, row := range []struct {
		err        error
		status     int
		code, text string
	}{
		{fmt.Errorf("write: %w", events.ErrTooLarge), 413, "too-long", "belong in an attachment"},
		{fmt.Errorf("write: %w", &agent.StaleError{Heads: []events.ID{{1}}}), 412, "conflict", "changed meanwhile"},
		{&events.RefusedError{Reason: "no permission"}, 422, "processing", "no permission"},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "timeout", "try again"},
		{fmt.Errorf("write: %w", agent.ErrDisk), 503, "no-store", "try again"},
		{agent.ErrBusy, 503, "lock-error", "try again"},
		{agent.ErrTooMany, 413, "too-costly", "split it"},
		{errors.New("the disk is full"), 500, "exception", "the disk is full"},
	} {
		d := newDesk(t)
		d.fault = row.err
		got := d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x")).want(row.status)
		if got.issueCode() != row.code || !strings.Contains(got.Body.String(), row.text) {
			t.Errorf("%v: got %s", row.err, got.Body)
		}
		if (got.Code == 503) != (got.Header().Get("Retry-After") != "") {
			t.Errorf("%v: Retry-After %q", row.err, got.Header().Get("Retry-After"))
		}
		d.do("GET", "/fhir/Basic/n1", "").want(404)
	}
}

func TestVersions(t *testing.T) {
	d := newDesk(t)
	created := d.do("POST", "/fhir/AllergyIntolerance", allergy, "Carelog-User: dr-7").want(201)
	location := created.Header().Get("Location")
	head, err := fhirjson.Check(created.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if want := "http://127.0.0.1:7878/fhir/AllergyIntolerance/" + head.ID + "/_history/" + created.version().String(); location != want {
		t.Errorf("Location %q, want %q", location, want)
	}
	if head.ID == "a1" || strings.ToLower(head.ID) != head.ID || len(head.ID) != 26 {
		t.Errorf("id %q: want one of ours, in small letters", head.ID)
	}
	if created.Header().Get("Last-Modified") == "" || created.Header().Get(fhir.QueuedHeader) != "" {
		t.Errorf("headers %v", created.Header())
	}
	read := d.do("GET", "/fhir/AllergyIntolerance/"+head.ID, "").want(200)
	if !bytes.Equal(read.Body.Bytes(), created.Body.Bytes()) || read.Header().Get("ETag") != created.Header().Get("ETag") {
		t.Errorf("read %s, created %s", read.Body, created.Body)
	}
	if v, err := d.store.Version(t.Context(), events.Record{Type: "AllergyIntolerance", ID: head.ID}, created.version()); err != nil || v.Event.Author != "dr-7" {
		t.Errorf("author %v, %v", v.Event, err)
	}
	// A client that reads, changes and writes back sends our meta too: it is not kept.
	changed := strings.Replace(read.Body.String(), "nuts", "peanuts", 1)
	updated := d.do("PUT", "/fhir/AllergyIntolerance/"+head.ID, changed, "If-Match: "+read.Header().Get("ETag"), "Prefer: return=minimal").want(200)
	if updated.Body.Len() > 0 {
		t.Errorf("minimal, and still %s", updated.Body)
	}
	old := d.do("GET", "/fhir/AllergyIntolerance/"+head.ID+"/_history/"+created.version().String(), "").want(200)
	if !bytes.Equal(old.Body.Bytes(), created.Body.Bytes()) {
		t.Errorf("the old version is %s", old.Body)
	}
	d.offline = true
	queued := d.do("DELETE", "/fhir/AllergyIntolerance/"+head.ID, "").want(204)
	if queued.Header().Get(fhir.QueuedHeader) != "true" {
		t.Error("a queued write does not say so")
	}
	h := d.do("GET", "/fhir/AllergyIntolerance/"+head.ID+"/_history", "").want(200).bundle()
	var got []string
	for _, e := range h.Entry {
		got = append(got, e.Request.Method+" "+e.Response.Status+" "+fmt.Sprint(len(e.Resource) > 0)+" "+e.Response.ETag)
	}
	want := []string{
		`DELETE 204 No Content false W/"` + queued.version().String() + `"`,
		`PUT 200 OK true W/"` + updated.version().String() + `"`,
		`PUT 201 Created true W/"` + created.version().String() + `"`,
	}
	if h.Type != "history" || *h.Total != 3 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("history of %d:\n%s\nwant\n%s", *h.Total, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if message := d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x"), "Prefer: return=OperationOutcome").want(201); message.issueCode() != "informational" {
		t.Errorf("got %s", message.Body)
	}
}

// TestSealed: a record whose content cannot be opened is there, and says so.
func TestSealed(t *testing.T) {
	d := newDesk(t)
	id := d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201).version()
	d.practice.Ring.Forget("p1")
	v := d.other.Make(changeOf("AllergyIntolerance/a1", "p1", allergy, id)) // under a key of its own
	d.practice.Ring.Forget("p1")
	d.applyUnopened(v)
	for _, path := range []string{"/fhir/AllergyIntolerance/a1", "/fhir/AllergyIntolerance/a1/_history/" + v.ID.String()} {
		if got := d.do("GET", path, "").want(503); got.issueCode() != "incomplete" || got.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %s", path, got.Body)
		}
	}
	d.do("GET", "/fhir/AllergyIntolerance/a1/_history", "").want(200)
	found := d.do("GET", "/fhir/AllergyIntolerance?_id=a1", "").want(200)
	if !strings.Contains(found.Body.String(), "cannot be opened") {
		t.Errorf("found %s", found.Body)
	}
}

func TestLargeBodyIsNotRead(t *testing.T) {
	d := newDesk(t)
	for name, length := range map[string]int64{"announced": 20 << 20, "not announced": -1} {
		body := &endless{}
		r := httptest.NewRequestWithContext(t.Context(), "PUT", "http://127.0.0.1:7878/fhir/Basic/n1", body)
		r.Header.Set("Content-Type", "application/fhir+json")
		r.ContentLength = length
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, r)
		d.check(reply{w, t}).want(413)
		if length > 0 && body.read > 0 || body.read > 2*events.MaxPlain {
			t.Errorf("%s: %d bytes were read", name, body.read)
		}
	}
}

// anyRequest sends one request to a desk that has the record n1: whatever it is, the
// answer is FHIR and never our fault.
func anyRequest(d *desk, method, path, query, match, body string) error {
	r, err := http.NewRequestWithContext(d.t.Context(), method, "http://127.0.0.1:7878/fhir", strings.NewReader(body))
	if err != nil {
		return nil // no HTTP
	}
	if strings.Trim(path, "/") == "_events" {
		return nil // a stream, which has no end
	}
	r.URL.Path, r.URL.RawQuery = "/fhir"+path, query
	r.Header.Set("Content-Type", "application/fhir+json")
	r.Header.Set("If-Match", match)
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	if got := d.check(reply{w, d.t}); got.Code >= 500 {
		return fmt.Errorf("%s %s?%s %q: %d %s", method, path, query, match, got.Code, got.Body)
	}
	return nil
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/Patient", "name=a&_count=1", "", "")
	f.Add("PUT", "/Basic/n1", "", `W/"01J00000000000000000000000"`, `{"resourceType":"Basic","id":"n1"}`)
	f.Add("POST", "/Basic/n1/$resolve", "", "*", `{"resourceType":"Parameters","parameter":[{"name":"head","valueId":"x"}]}`)
	d := begun(f) // one for all: to open one takes longer than thousands of requests
	f.Fuzz(func(t *testing.T, method, path, query, match, body string) {
		d.t = quiet{t}
		if err := anyRequest(d, method, path, query, match, body); err != nil {
			t.Error(err)
		}
	})
}

// TestAnyRequest is FuzzRequest with requests that are nearly right, all to one desk.
func TestAnyRequest(t *testing.T) {
	d := newDesk(t)
	version := d.do("PUT", "/fhir/Basic/n1", fmt.Sprintf(note, "x")).want(201).version().String()
	of := func(t *rapid.T, name string, list ...string) string { return rapid.SampledFrom(list).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		path := of(t, "type", "", "/Basic", "/Patient", "/Condition", "/metadata") + of(t, "id", "", "/n1", "/n2", "/_search", "/ö") +
			of(t, "rest", "", "/_history", "/_history/"+version, "/_history/x", "/$conflicts", "/$resolve", "/", "//")
		query := of(t, "name", "", "_id", "name", "birthdate", "identifier", "_count", "_cursor", "_tag", "patient", "_format", "x:y") + "=" +
			rapid.OneOf(rapid.StringOf(rapid.SampledFrom([]rune(`1985-07|,\\$:/%=&"é`))), rapid.String()).Draw(t, "value")
		match := of(t, "match", "", "*", `W/"`+version+`"`, `"x"`, `W/"`+version+`", W/"`+version+`"`, ",", `W/"`)
		body := of(t, "body", "", "{}", "[", fmt.Sprintf(note, "y"), `{"resourceType":"Parameters","parameter":[{"name":"head","valueId":"`+version+`"},{"name":"keep","valueId":"`+version+`"}]}`,
			`{"resourceType":"Parameters","parameter":[null]}`, "name=a&name=b")
		if err := anyRequest(d, of(t, "method", "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"), path, query, match, body); err != nil {
			t.Fatal(err)
		}
		var entries []string
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			place := of(t, "place", "Basic", "Basic/n1", "Basic/n2", "Basic?_id=n1", "Basic/n1/_history", "Basic/n1/$conflicts", "Patient/p9", "metadata", "", "//", "%zz")
			entries = append(entries, entryOf(of(t, "fullUrl", "", "urn:uuid:1", "http://x/fhir/Basic/n1"), of(t, "resource", "", "{}", fmt.Sprintf(note, "z"), `{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"urn:uuid:1"}}`),
				of(t, "verb", "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "x"), place, of(t, "condition", "", `,"ifMatch":"*"`, `,"ifMatch":"W/\"1\""`, `,"ifNoneExist":"_id=n1"`, `,"ifNoneMatch":"*"`, `,"ifModifiedSince":"x"`)))
		}
		if err := anyRequest(d, "POST", "", "", "", posted(of(t, "kind", "batch", "transaction", "message"), entries...)); err != nil {
			t.Fatal(err)
		}
	})
}

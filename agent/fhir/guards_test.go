package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
)

// TestAConditionIsNeverDropped: who sends a condition that says nothing, or where it has no
// meaning, does not want the write without it.
func TestAConditionIsNeverDropped(t *testing.T) {
	const patch = "Content-Type: application/json-patch+json"
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201)
	before := d.writes
	for _, row := range []struct{ method, path, body, header, media string }{
		{"PUT", "/fhir/Basic/n1", noteOf("x"), "If-Match: ", ""}, {"PUT", "/fhir/Basic/n1", noteOf("x"), "If-Match:  \t", ""},
		{"DELETE", "/fhir/Basic/n1", "", "If-Match: ", ""}, {"DELETE", "/fhir/Basic/n1", "", "If-Match:   ", ""},
		{"PATCH", "/fhir/Basic/n1", "[]", "If-Match: ", patch}, {"PUT", "/fhir/Basic?_id=n1", noteOf("x"), "If-Match: ", ""},
		{"PUT", "/fhir/Basic/n1", noteOf("x"), "If-None-Match: ", ""}, {"PUT", "/fhir/Basic/n1", noteOf("x"), "If-Unmodified-Since: ", ""},
		{"DELETE", "/fhir/Basic/n1", "", "If-None-Match: *", ""}, {"PATCH", "/fhir/Basic/n1", "[]", `If-None-Match: W/"1"`, patch},
		{"POST", "/fhir/Basic", noteOf("x"), "If-None-Exist: ", ""}, {"POST", "/fhir/Basic", noteOf("x"), "If-None-Exist:   ", ""},
		{"POST", "/fhir/Basic", noteOf("x"), `If-Match: W/"1"`, ""}, {"POST", "/fhir/Basic", noteOf("x"), "If-Match: ", ""},
		{"PUT", "/fhir/Basic/n1", noteOf("x"), "If-None-Exist: _id=n1", ""}, {"PUT", "/fhir/Basic/n1", noteOf("x"), "If-None-Exist: ", ""},
		{"PATCH", "/fhir/Basic/n1", "[]", "If-None-Exist: _id=n1", patch}, {"DELETE", "/fhir/Basic/n1", "", "If-None-Exist: _id=n1", ""},
	} {
		headers := []string{row.header}
		if row.media != "" {
			headers = append(headers, row.media)
		}
		name, _, _ := strings.Cut(row.header, ":")
		if got := d.do(row.method, row.path, row.body, headers...).want(400); got.issueCode() != "value" || !strings.Contains(got.Body.String(), name) {
			t.Errorf("%s %s with %q: %s", row.method, row.path, row.header, got.Body)
		}
	}
	// Of two of a kind one would be dropped, and what it was to keep from happening happens.
	for _, row := range []struct {
		method, path, name string
		values             []string
	}{
		{"POST", "/fhir/Basic", "If-None-Exist", []string{"_id=other", "_id=n1"}},
		{"PUT", "/fhir/Basic/n1", "If-Unmodified-Since", []string{"Fri, 31 Dec 2100 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"}},
		{"GET", "/fhir/Basic/n1", "If-Modified-Since", []string{"Fri, 31 Dec 2100 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"}},
		{"POST", "/fhir/Binary", "X-Security-Context", []string{"Patient/p1", "Patient/p2"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), row.method, "http://127.0.0.1:7878"+row.path, strings.NewReader(noteOf("x")))
		r.Header = http.Header{"Content-Type": {"application/fhir+json"}, row.name: row.values}
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, r)
		if got := d.check(reply{w, t}).want(400); got.issueCode() != "value" || !strings.Contains(got.Body.String(), row.name) {
			t.Errorf("%s %s with %s twice: %s", row.method, row.path, row.name, got.Body)
		}
	}
	for _, row := range []struct{ method, url, body, more, name string }{
		{"PUT", "Basic/n1", noteOf("x"), `,"ifMatch":"  "`, "If-Match"}, {"DELETE", "Basic/n1", "", `,"ifMatch":" "`, "If-Match"},
		{"PUT", "Basic/n1", noteOf("x"), `,"ifNoneMatch":" "`, "If-None-Match"}, {"POST", "Basic", noteOf("x"), `,"ifNoneExist":" "`, "If-None-Exist"},
		{"PUT", "Basic/n1", noteOf("x"), `,"ifNoneExist":"_id=n1"`, "If-None-Exist"}, {"DELETE", "Basic/n1", "", `,"ifNoneExist":"_id=n1"`, "If-None-Exist"},
		{"GET", "Basic/n1", "", `,"ifNoneExist":"_id=n1"`, "If-None-Exist"}, {"POST", "Basic", noteOf("x"), `,"ifMatch":"W/\"1\""`, "If-Match"},
		{"DELETE", "Basic/n1", "", `,"ifNoneMatch":"*"`, "If-None-Match"},
	} {
		good := entryOf("", `{"resourceType":"Basic","id":"good","code":{"text":"x"}}`, "PUT", "Basic/good", "")
		got := d.do("POST", "/fhir", posted("transaction", good, entryOf("", row.body, row.method, row.url, row.more))).want(400)
		if got.issueCode() != "value" || !strings.Contains(got.Body.String(), row.name) || !strings.Contains(got.Body.String(), `"Bundle.entry[1]`) {
			t.Errorf("%s with %s in a transaction: %s", row.method, row.more, got.Body)
		}
		list, _ := d.do("POST", "/fhir", posted("batch", entryOf("", row.body, row.method, row.url, row.more))).want(200).answered("batch-response")
		if !strings.HasPrefix(list[0].Status, "400 ") || !strings.Contains(string(list[0].Outcome), row.name) {
			t.Errorf("%s with %s in a batch: %+v", row.method, row.more, list[0])
		}
	}
	if d.writes != before {
		t.Errorf("%d were written", d.writes-before)
	}
}

// TestABundleIsOfR4: what stands around the resources of a batch or transaction is held against
// R4 as they are: a condition that is misspelt would else be none.
func TestABundleIsOfR4(t *testing.T) {
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201)
	before := d.writes
	good := entryOf("", `{"resourceType":"Basic","id":"good","code":{"text":"x"}}`, "PUT", "Basic/good", "")
	put := func(more string) string { return entryOf("", noteOf("x"), "PUT", "Basic/n1", more) }
	for _, kind := range []string{"batch", "transaction"} {
		for bundle, path := range map[string]string{
			posted(kind, good, put(`,"ifmatch":"W/\"1\""`)):                               "Bundle.entry[1].request.ifmatch",
			posted(kind, good, put(`,"IfMatch":"W/\"1\""`)):                               "Bundle.entry[1].request.IfMatch",
			posted(kind, good, put(`,"ifMatch":""`)):                                      "Bundle.entry[1].request.ifMatch",
			posted(kind, put(`,"ifNoneExist":""`)):                                        "Bundle.entry[0].request.ifNoneExist",
			posted(kind, strings.Replace(good, `"request"`, `"bar":1,"request"`, 1)):      "Bundle.entry[0].bar",
			strings.Replace(posted(kind, good), `"type"`, `"foo":1,"type"`, 1):            "Bundle.foo",
			posted(kind, entryOf("", "", "FETCH", "Basic/n1", "")):                        "Bundle.entry[0].request.method",
			posted(kind, good, `{"request":{"method":"DELETE"}}`):                         "Bundle.entry[1].request.url",
			posted(kind, good, `{}`):                                                      "Bundle.entry[1]",
			posted(kind, entryOf("", "", "GET", "Basic/n1", `,"ifModifiedSince":"soon"`)): "Bundle.entry[0].request.ifModifiedSince",
		} {
			got := d.do("POST", "/fhir", bundle).want(422)
			var o struct {
				Issue []struct{ Expression []string }
			}
			if err := json.Unmarshal(got.Body.Bytes(), &o); err != nil || fmt.Sprint(o.Issue[0].Expression) != "["+path+"]" {
				t.Errorf("%s: got %s, want it at %s", bundle, got.Body, path)
			}
		}
	}
	if d.writes != before {
		t.Errorf("%d were written", d.writes-before)
	}
	// The resources are each of its own entry.
	list, _ := d.do("POST", "/fhir", posted("batch", good, entryOf("", `{"resourceType":"Basic","foo":1}`, "POST", "Basic", ""))).want(200).answered("batch-response")
	if !strings.HasPrefix(list[0].Status, "201 ") || !strings.HasPrefix(list[1].Status, "422 ") {
		t.Errorf("answered are %+v", list)
	}
	d.do("POST", "/fhir", posted("batch", strings.Replace(good, `"url"`, `"_ifMatch":{"extension":[{"url":"http://x","valueCode":"unknown"}]},"url"`, 1))).want(200)
}

// TestIDsThatAddressesLose: the ids . and .. are legal, and a client's library takes them out of
// an address: none is made; one that came in by another door is read and written where it is asked for.
func TestIDsThatAddressesLose(t *testing.T) {
	d := newDesk(t)
	of := func(id string) string {
		return strings.Replace(noteOf("x"), `"n1"`, fmt.Sprintf("%q", id), 1)
	}
	for _, id := range []string{".", ".."} {
		for _, got := range []reply{
			d.do("PUT", "/fhir/Basic/"+id, of(id)), d.do("PUT", "/fhir/Basic?identifier=none", of(id)),
			d.do("POST", "/fhir", posted("transaction", entryOf("", of(id), "PUT", "Basic/"+id, ""))),
		} {
			if got.want(422).issueCode() != "value" || !strings.Contains(got.Body.String(), "address") {
				t.Errorf("%s: %s", id, got.Body)
			}
		}
		d.elsewhere("Basic/"+id, "", of(id))
		d.do("GET", "/fhir/Basic/"+id, "").want(200)
		d.do("PUT", "/fhir/Basic/"+id, of(id)).want(200)
	}
	d.do("PUT", "/fhir/Basic/...", of("...")).want(201)
	d.do("PUT", "/fhir/Basic/.a", of(".a")).want(201)
}

// TestAParameterIsHeededOrRefused: of one that says one thing and is given twice only one could be heeded.
func TestAParameterIsHeededOrRefused(t *testing.T) {
	d, _ := watched(t)
	d.do("PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1"}`).want(201)
	for query, name := range map[string]string{
		"Patient?_count=1&_count=100": "_count", "Patient?_count=5&_count=5": "_count", "Patient?_sort=_id&_sort=-_id": "_sort", "Patient?_summary=count&_summary=false": "_summary",
		"Patient?_total=none&_total=accurate": "_total", "Patient?_format=json&_format=xml": "_format", "Patient?_pretty=true&_pretty=false": "_pretty", "Patient?_cursor=a&_cursor=b": "_cursor",
		"Patient/p1?_format=json&_format=json": "_format", "Patient/p1?_summary=false&_summary=true": "_summary", "_history?_count=1&_count=2": "_count",
		"Patient/_history?_since=2026-01-01T00:00:00Z&_since=2027-01-01T00:00:00Z": "_since", "Patient/p1/$everything?_count=1&_count=2": "_count",
		"Provenance?_id=a&_count=1&_count=2": "_count", "AuditEvent?_count=1&_count=2": "_count", "metadata?_format=json&_format=xml": "_format",
	} {
		if got := d.do("GET", "/fhir/"+query, "").want(400); got.issueCode() != "value" || !strings.Contains(got.Body.String(), name+" is given 2 times") {
			t.Errorf("%s: %s", query, got.Body)
		}
	}
	const form = "Content-Type: application/x-www-form-urlencoded"
	d.do("POST", "/fhir/Patient/_search", "_count=1&_count=2", form).want(400)
	d.do("POST", "/fhir/Patient/_search?_count=1", "_count=2", form).want(400)
	d.do("PUT", "/fhir/Patient/p1?_format=json&_format=xml", `{"resourceType":"Patient","id":"p1"}`).want(400)
	list, _ := d.do("POST", "/fhir", posted("batch", entryOf("", "", "GET", "Patient?_count=1&_count=2", ""))).want(200).answered("batch-response")
	if !strings.HasPrefix(list[0].Status, "400 ") {
		t.Errorf("in a batch: %+v", list[0])
	}
	d.do("GET", "/fhir/Patient?identifier=a&identifier=b&_count=1&_format=json", "").want(200) // all of the conditions of a search count
}

// TestAReadOfAnotherVersion: If-Match counts for a read as well (RFC 9110, 13.1.1), of whatever has a version; the version that is
// named is read, or none is.
func TestAReadOfAnotherVersion(t *testing.T) {
	d, _ := watched(t)
	first := d.do("PUT", "/fhir/Basic/n1", noteOf("old")).want(201)
	second := d.do("PUT", "/fhir/Basic/n1", noteOf("new")).want(200)
	old, now := "If-Match: "+first.Header().Get("ETag"), "If-Match: "+second.Header().Get("ETag")
	old1, now1 := "/fhir/Basic/n1/_history/"+first.version().String(), "/fhir/Basic/n1/_history/"+second.version().String()
	for _, row := range []struct {
		path, header string
		want         int
	}{
		{"/fhir/Basic/n1", old, 412}, {"/fhir/Basic/n1", now, 200}, {"/fhir/Basic/n1", "If-Match: *", 200}, {"/fhir/Basic/n1", `If-Match: W/"1"`, 412},
		{"/fhir/Basic/n1", old + ", " + second.Header().Get("ETag"), 200}, {"/fhir/Basic/n1", "If-Match: n1", 400},
		{old1, old, 200}, {old1, now, 412}, {now1, now, 200}, {"/fhir/Basic/n1/$conflicts", old, 412}, {"/fhir/Basic/n1/$conflicts", now, 200},
		{"/fhir/Provenance/" + first.version().String(), old, 200}, {"/fhir/Provenance/" + first.version().String(), now, 412},
		{"/fhir/Basic", now, 412}, {"/fhir/Basic", "If-Match: *", 200}, {"/fhir/Basic/n1/_history", now, 412}, {"/fhir/metadata", now, 412},
		{"/fhir/Basic/none", now, 404},
	} {
		got := d.do("GET", row.path, "", row.header).want(row.want)
		if row.want == 412 && (got.issueCode() != "conflict" || strings.Contains(got.Body.String(), `"text":"new"`)) {
			t.Errorf("%s with %s: %s", row.path, row.header, got.Body)
		}
	}
	if got := d.do("GET", "/fhir/Basic/n1", "", old).want(412); got.Header().Get("ETag") != second.Header().Get("ETag") || !strings.Contains(got.Body.String(), second.version().String()) {
		t.Errorf("what stands is not named: %v %s", got.Header(), got.Body)
	}
	d.do("HEAD", "/fhir/Basic/n1", "", old).want(412)
	d.do("GET", "/fhir/Basic/n1", "", now, "If-None-Match: "+second.Header().Get("ETag")).want(304)
	list, _ := d.do("POST", "/fhir", posted("batch", entryOf("", "", "GET", "Basic/n1", `,"ifMatch":"`+strings.ReplaceAll(first.Header().Get("ETag"), `"`, `\"`)+`"`))).want(200).answered("batch-response")
	if !strings.HasPrefix(list[0].Status, "412 ") {
		t.Errorf("in a batch: %+v", list[0])
	}
	d.do("DELETE", "/fhir/Basic/n1", "").want(204)
	d.do("GET", "/fhir/Basic/n1", "", old).want(410)
}

// TestNoTotalOfWhatNobodyCounts: the history of a type that this desk makes more of than is in it has no total.
func TestNoTotalOfWhatNobodyCounts(t *testing.T) {
	d, _ := watched(t)
	d.do("PUT", "/fhir/Basic/n1", noteOf("x")).want(201)
	d.do("GET", "/fhir/Basic/n1", "").want(200) // which makes an AuditEvent
	for _, typ := range []string{"AuditEvent", "Provenance"} {
		if b := d.do("GET", "/fhir/"+typ+"/_history", "").want(200).bundle(); b.Total != nil || len(b.Entry) > 0 {
			t.Errorf("the history of %s has the total %d and %d entries, want none", typ, *b.Total, len(b.Entry))
		}
	}
	if b := d.do("GET", "/fhir/Basic/_history", "").want(200).bundle(); b.Total == nil || *b.Total != 1 {
		t.Errorf("the history of another type has the total %v, want 1", b.Total)
	}
	alone := newDesk(t) // a desk without a trail has AuditEvents of clients alone
	if b := alone.do("GET", "/fhir/AuditEvent/_history", "").want(200).bundle(); b.Total == nil || *b.Total != 0 {
		t.Errorf("without a trail the total is %v, want 0", b.Total)
	}
}

// TestTheDepthOfAResourceIsItsOwn: what is as deep as a resource may be is so within a Bundle too, and what is deeper is refused by either way.
func TestTheDepthOfAResourceIsItsOwn(t *testing.T) {
	deep := func(id string, more string) string {
		const each = 2 // levels of an extension: the list, and what is in it
		n := (fhirjson.MaxDepth - 2) / each
		return `{"resourceType":"Basic","id":"` + id + `","code":{"text":"x"},"extension":` + strings.Repeat(`[{"url":"u","extension":`, n-1) + `[{"url":"u",` + more + `}]` + strings.Repeat(`}]`, n-1) + `}`
	}
	const last, further = `"valueCoding":{"code":"x"}`, `"valueCodeableConcept":{"coding":[{"code":"x"}]}`
	d := newDesk(t)
	d.do("PUT", "/fhir/Basic/a", deep("a", last)).want(201)
	d.do("PUT", "/fhir/Basic/b", deep("b", further)).want(400)
	for _, kind := range []string{"batch", "transaction"} {
		list, _ := d.do("POST", "/fhir", posted(kind, entryOf("", deep(kind, last), "PUT", "Basic/"+kind, ""))).want(200).answered(kind + "-response")
		if !strings.HasPrefix(list[0].Status, "201 ") {
			t.Errorf("a %s: %s %s", kind, list[0].Status, list[0].Outcome)
		}
		d.do("POST", "/fhir", posted(kind, entryOf("", deep("c", further), "PUT", "Basic/c", ""))).want(400)
	}
}

package fhir_test

import (
	"slices"
	"strings"
	"testing"
)

// TestProvenanceIsOneSearch: whatever is asked, what the log says is found or the question is
// refused, and what is left out is named. Nothing makes of it a search of clients' records alone.
func TestProvenanceIsOneSearch(t *testing.T) {
	d := newDesk(t)
	one := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "one"), "Carelog-User: dr-1").want(201).version().String()
	two := d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "two"), "Carelog-User: dr-2").want(200).version().String()
	three := d.do("PUT", "/fhir/Basic/b2", basicOf("b2", "p2", "three"), "Carelog-User: dr-1").want(201).version().String()
	own := d.do("PUT", "/fhir/Provenance/own", `{"resourceType":"Provenance","id":"own","meta":{"profile":["http://x/p"]},"target":[{"reference":"Patient/p1"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}`).want(201).version().String()
	const tag = "https://carelog.eu/fhir/CodeSystem/sync"
	all := func(query string) (got []string, first bundle) {
		t.Helper()
		for next := "/fhir/Provenance?" + query; next != ""; {
			page := d.do("GET", next, "").want(200).bundle()
			if first.Type == "" {
				first = page
			}
			if page.Total != nil && *page.Total < len(page.ids(t)) {
				t.Errorf("%s: total %d of %d", query, *page.Total, len(page.ids(t)))
			}
			got = append(got, page.ids(t)...)
			next = strings.TrimPrefix(page.link("next"), "http://127.0.0.1:7878")
		}
		return got, first
	}
	ofP1 := []string{own, two, one, "own"}
	everything := []string{own, three, two, one, "own"}
	for query, want := range map[string][]string{
		"patient=p1": ofP1, "patient=p1&_count=1": ofP1, "subject=Patient/p1": ofP1, "patient=p1&_total=none": ofP1, "patient=p1&_summary=false": ofP1,
		"_id=" + one: {one}, "_id=own": {"own"}, "_id=none": nil, "_count=1&_id=own," + one + "," + three: {one, three, "own"},
		"_id=" + one + "," + three + "&patient=p1": {one}, "_id=" + one + "&agent=dr-2": nil, "_id=" + one + "&target=Basic/b2": nil,
		"_tag=event": {own, three, two, one}, "_tag=" + tag + "|event": {own, three, two, one}, "patient=p1&_tag=event": {own, two, one}, "_tag=conflict": nil, "_tag:not=event": {"own"},
		"_profile=http://x/p": {"own"}, "identifier=x": nil, "_profile:missing=true": {own, three, two, one}, "target=Basic/b1&_tag=event": {two, one}, "": everything,
	} {
		if got, _ := all(query); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	for query, effect := range map[string]string{
		"foo=1": "the parameter foo is not supported for Provenance and did not narrow", "_elements=id": "_elements is not supported", "_sort=recorded": "did not order",
		"_include=Provenance:patient": "brought nothing with it", "_revinclude=Basic:patient": "brought nothing with it", "_summary=true": "left nothing out", "identifier=": "has no value and did not narrow",
	} {
		for narrow, want := range map[string][]string{"patient=p1": ofP1, "target=Basic/b1": {two, one}, "_count=2": everything, "_profile=http://x/p": {"own"}} {
			got, first := all(narrow + "&" + query)
			last := first.Entry[len(first.Entry)-1]
			if !slices.Equal(got, want) || last.Search.Mode != "outcome" || !strings.Contains(string(last.Resource), effect) || strings.Contains(first.link("self"), query) {
				t.Errorf("%s&%s: %v, self %s, and it says %s", narrow, query, got, first.link("self"), last.Resource)
			}
			d.do("GET", "/fhir/Provenance?"+narrow+"&"+query, "", "Prefer: handling=strict").want(400)
		}
	}
	for _, query := range []string{
		"_summary=count", "_total=accurate", "_count=0", "patient=p1&_summary=count", "patient:missing=true", "agent:not=dr-1", "target:Basic=b1", "_id:not=own",
		"_lastUpdated=ap2026", "patient=p1&subject=p1", "target=Basic/b1&_cursor=0123", "_cursor=id.x",
	} {
		if got := d.do("GET", "/fhir/Provenance?"+query, "").want(400); !strings.Contains(got.Body.String(), "Provenance") && !strings.Contains(got.Body.String(), "=") {
			t.Errorf("%s: %s", query, got.Body)
		}
	}
	// What brings Provenance with it says that the log's does not come.
	d.do("PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1"}`).want(201)
	if got := d.do("GET", "/fhir/Patient?_id=p1&_revinclude=Provenance:patient", "").want(200); !strings.Contains(got.Body.String(), "Provenance?patient=") {
		t.Errorf("nothing says what is left out: %s", got.Body)
	}
}

// TestAuditEventsAreOneSearch: what does not narrow the looks as it was meant is refused.
func TestAuditEventsAreOneSearch(t *testing.T) {
	d, _ := watched(t)
	d.do("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "x")).want(201)
	d.do("GET", "/fhir/Basic/b1", "").want(200)
	if n := len(d.do("GET", "/fhir/AuditEvent?patient=p1", "").want(200).bundle().ids(t)); n != 1 {
		t.Fatalf("%d looks", n)
	}
	for _, more := range []string{"foo=1", "_elements=id", "_sort=-date", "_summary=count", "_summary=true", "_total=accurate", "_include=AuditEvent:patient", "_revinclude=Provenance:target", "_id=x", "_tag=event", "_count=0", "entity="} {
		got := d.do("GET", "/fhir/AuditEvent?patient=p1&"+more, "").want(400)
		name, _, _ := strings.Cut(more, "=")
		if !strings.Contains(got.Body.String(), name) || !strings.Contains(got.Body.String(), "want") {
			t.Errorf("%s: %s", more, got.Body)
		}
	}
}

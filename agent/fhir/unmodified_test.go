package fhir_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
)

// TestUnmodifiedSince: a write is for what stood at a date, and nothing is written where
// something came after it.
func TestUnmodifiedSince(t *testing.T) {
	d := newDesk(t)
	const at, patch = "/fhir/Basic/n1", "Content-Type: application/json-patch+json"
	first := d.do("PUT", at, fmt.Sprintf(note, "x")).want(201)
	seen := first.Header().Get("Last-Modified")
	write := func(method string, headers ...string) reply {
		t.Helper()
		body := map[string]string{"PUT": fmt.Sprintf(note, "y"), "PATCH": "[]"}[method]
		if method == "PATCH" {
			headers = append(headers, patch)
		}
		return d.do(method, at, body, headers...)
	}
	when, err := http.ParseTime(seen)
	if err != nil {
		t.Fatal(err)
	}
	before := when.Add(-time.Second).Format(http.TimeFormat)
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		for _, date := range []string{before, "Mon, 01 Jan 2001 00:00:00 GMT"} {
			if got := write(method, "If-Unmodified-Since: "+date).want(412); got.issueCode() != "conflict" || !strings.Contains(got.Body.String(), first.version().String()) {
				t.Errorf("%s: %s", method, got.Body)
			}
		}
		if got := write(method, "If-Unmodified-Since: soon").want(400); got.issueCode() != "value" || !strings.Contains(got.Body.String(), "If-Unmodified-Since") {
			t.Errorf("%s: %s", method, got.Body)
		}
		d.do(method, "/fhir/Basic?_id=n1", map[string]string{"PUT": fmt.Sprintf(note, "y"), "PATCH": "[]"}[method], "If-Unmodified-Since: "+before, map[string]string{"PATCH": patch}[method]).want(412)
	}
	if got := d.do("GET", at, "").want(200); got.version() != first.version() {
		t.Fatalf("%s was written", got.version())
	}
	second := write("PUT", "If-Unmodified-Since: "+seen).want(200)
	write("PUT", "If-Unmodified-Since: "+seen).want(412)
	// RFC 9110, 13.1.4: beside If-Match the date does not count, nor where nothing has one.
	third := write("PUT", "If-Unmodified-Since: "+seen, "If-Match: "+second.Header().Get("ETag")).want(200)
	write("PATCH", "If-Unmodified-Since: soon", "If-Match: "+third.Header().Get("ETag")).want(200)
	d.do("PUT", "/fhir/Basic/n2", strings.Replace(fmt.Sprintf(note, "x"), `"n1"`, `"n2"`, 1), "If-Unmodified-Since: "+seen).want(201)

	// A head that came beside the one shown counts as well.
	now := d.do("GET", at, "").want(200)
	state, err := d.store.Record(t.Context(), events.Record{Type: "Basic", ID: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	d.elsewhere("Basic/n1", state.Patient, fmt.Sprintf(note, "theirs"), first.version())
	write("PUT", "If-Unmodified-Since: "+now.Header().Get("Last-Modified")).want(412)
	write("DELETE", "If-Unmodified-Since: Mon, 01 Jan 2085 00:00:00 GMT").want(204)

	// Of what this desk has not read, nobody knows the date.
	d.partial = true
	d.do("DELETE", "/fhir/Basic/far", "", "If-Unmodified-Since: "+seen).want(412)
}

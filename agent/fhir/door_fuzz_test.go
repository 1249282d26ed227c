package fhir_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
)

// survive asks one request and holds what is true of every answer, and that it is no
// failure of ours.
func (d *desk) survive(t *testing.T, method, path, body, contentType string, headers map[string]string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:7878/fhir", strings.NewReader(body))
	place, query, _ := strings.Cut(path, "?")
	r.URL.Path, r.URL.RawQuery = place, query
	r.Header.Set("Content-Type", contentType)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.t = quiet{t}
	d.door.ServeHTTP(w, r)
	got := d.check(reply{w, t})
	if got.Code == 500 || bytes.Contains(got.Body.Bytes(), []byte("<html")) {
		t.Fatalf("%s %s with %v answers %d: %s", method, path, headers, got.Code, got.Body)
	}
}

// quiet is a test of which Helper may be called wherever it is.
type quiet struct{ testing.TB }

func (quiet) Helper() {}

// begun is a desk with a record, for requests that are about one.
func begun(f *testing.F) *desk {
	d := newDesk(quiet{f})
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	f.Cleanup(func() { d.t = f }) // the test that used it last has ended
	return d
}

func FuzzPatchAtTheDoor(f *testing.F) {
	d := begun(f)
	for _, patch := range []string{
		`[{"op":"replace","path":"/code/text","value":"eggs"}]`, `[{"op":"remove","path":"/id"}]`, `[{"op":"copy","from":"","path":"/x"}]`,
		`[{"op":"add","path":"/meta/tag","value":[{"system":"https://carelog.eu/fhir/CodeSystem/sync"}]}]`, `[{"op":"replace","path":"","value":1}]`, `{`, ``, `["`,
	} {
		f.Add(patch)
	}
	f.Fuzz(func(t *testing.T, patch string) {
		d.survive(t, "PATCH", "/fhir/AllergyIntolerance/a1", patch, "application/json-patch+json", nil)
	})
}

func FuzzBundleAtTheDoor(f *testing.F) {
	d := begun(f)
	for _, kind := range []string{"batch", "transaction", "message"} {
		f.Add(posted(kind, entryOf("urn:uuid:1", `{"resourceType":"Basic","subject":{"reference":"urn:uuid:1"}}`, "POST", "Basic", `,"ifNoneExist":"identifier=1"`)))
		f.Add(posted(kind, entryOf("", allergy, "PUT", "AllergyIntolerance/a1", `,"ifMatch":"W/\"1\""`), entryOf("", "", "GET", "AllergyIntolerance?_id=a1", `,"ifNoneMatch":"*"`)))
		f.Add(posted(kind, entryOf("", "", "DELETE", "Basic?_id=%zz", ""), entryOf("", "", "HEAD", "http://127.0.0.1:7878/fhir/metadata", "")))
		f.Add(posted(kind, patchEntry("AllergyIntolerance/a1", `["`, ""), entryOf("http://x/fhir/Basic/1", `{"resourceType":"Basic","a":{"reference":"Basic/1"}}`, "POST", "Basic", "")))
	}
	f.Add(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"//"},"resource":{}}]}`)
	f.Fuzz(func(t *testing.T, body string) { d.survive(t, "POST", "/fhir", body, "application/fhir+json", nil) })
}

func FuzzConditionsAtTheDoor(f *testing.F) {
	d := begun(f)
	f.Add("PUT", `W/"01KE6JQ7W83PZTQXQC5VTZBZMZ", W/"x"`, `*`, "identifier=a|b", "Mon, 01 Jan 2024 00:00:00 GMT")
	f.Add("PATCH", `*`, `"`, "_id=a1&patient=Patient/p1", "2024-01-01T00:00:00Z")
	f.Add("DELETE", `,`, `W/""`, "%zz", "x")
	f.Add("POST", `W/"`, ``, "name:exact=x&_count=1", "")
	f.Add("GET", ``, `W/"x",`, "birthdate=ge1&;", "")
	f.Fuzz(func(t *testing.T, method, match, unless, criteria, since string) {
		headers := map[string]string{"If-Match": match, "If-None-Match": unless, "If-None-Exist": criteria, "If-Modified-Since": since}
		body, contentType := allergy, "application/fhir+json"
		switch method {
		case "PATCH":
			body, contentType = "[]", "application/json-patch+json"
		case "GET", "PUT", "POST", "DELETE":
		default:
			t.Skip("another method")
		}
		d.survive(t, method, "/fhir/AllergyIntolerance/a1", body, contentType, headers)
		d.survive(t, method, "/fhir/AllergyIntolerance?"+criteria, body, contentType, headers)
	})
}

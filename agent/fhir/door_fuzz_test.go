package fhir_test

import (
	"bytes"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/inputtest"
)

// survive asks one request and holds what is true of every answer, and that it is no
// failure of ours.
func (d *desk) survive(t *testing.T, method, path, body, contentType string, headers map[string]string) reply {
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
	return got
}

// quiet is a test of which Helper may be called wherever it is.
type quiet struct{ testing.TB }

func (quiet) Helper() {}

// begun is a desk with a record, for requests that are about one.
func begun(t testing.TB) *desk {
	d := newDesk(quiet{t})
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	t.Cleanup(func() { d.t = t }) // the test that used it last has ended
	return d
}

var patchSeeds = [][]string{
	{`[{"op":"replace","path":"/code/text","value":"eggs"}]`}, {`[{"op":"remove","path":"/id"}]`}, {`[{"op":"copy","from":"","path":"/x"}]`},
	{`[{"op":"add","path":"/meta/tag","value":[{"system":"https://carelog.eu/fhir/CodeSystem/sync"}]}]`}, {`[{"op":"replace","path":"","value":1}]`}, {`{`}, {``}, {`["`},
}

func (d *desk) anyPatch(t *testing.T, patch string) {
	d.survive(t, "PATCH", "/fhir/AllergyIntolerance/a1", patch, "application/json-patch+json", nil)
}

func FuzzPatchAtTheDoor(f *testing.F) {
	d := begun(f)
	for _, seed := range patchSeeds {
		f.Add(seed[0])
	}
	f.Fuzz(func(t *testing.T, patch string) { d.anyPatch(t, patch) })
}

var bundleSeeds = func() (list [][]string) {
	for _, kind := range []string{"batch", "transaction", "message"} {
		list = append(list,
			[]string{posted(kind, entryOf("urn:uuid:1", `{"resourceType":"Basic","subject":{"reference":"urn:uuid:1"}}`, "POST", "Basic", `,"ifNoneExist":"identifier=1"`))},
			[]string{posted(kind, entryOf("", allergy, "PUT", "AllergyIntolerance/a1", `,"ifMatch":"W/\"1\""`), entryOf("", "", "GET", "AllergyIntolerance?_id=a1", `,"ifNoneMatch":"*"`))},
			[]string{posted(kind, entryOf("", "", "DELETE", "Basic?_id=%zz", ""), entryOf("", "", "HEAD", "http://127.0.0.1:7878/fhir/metadata", ""))},
			[]string{posted(kind, patchEntry("AllergyIntolerance/a1", `["`, ""), entryOf("http://x/fhir/Basic/1", `{"resourceType":"Basic","a":{"reference":"Basic/1"}}`, "POST", "Basic", ""))})
	}
	return append(list, []string{`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"POST","url":"//"},"resource":{}}]}`})
}()

func (d *desk) anyBundle(t *testing.T, body string) {
	d.survive(t, "POST", "/fhir", body, "application/fhir+json", nil)
}

func FuzzBundleAtTheDoor(f *testing.F) {
	d := begun(f)
	for _, seed := range bundleSeeds {
		f.Add(seed[0])
	}
	f.Fuzz(func(t *testing.T, body string) { d.anyBundle(t, body) })
}

// conditionSeeds are If-Match, If-None-Match, criteria, and If-Modified-Since.
var conditionSeeds = [][]string{
	{`W/"01KE6JQ7W83PZTQXQC5VTZBZMZ", W/"x"`, `*`, "identifier=a|b", "Mon, 01 Jan 2024 00:00:00 GMT"},
	{`*`, `"`, "_id=a1&patient=Patient/p1", "2024-01-01T00:00:00Z"},
	{`,`, `W/""`, "%zz", "x"},
	{`W/"`, ``, "name:exact=x&_count=1", ""},
	{``, `W/"x",`, "birthdate=ge1&;", ""},
}

var conditionMethods = []string{"PUT", "PATCH", "DELETE", "POST", "GET"}

func (d *desk) anyConditions(t *testing.T, method, match, unless, criteria, since string) {
	headers := map[string]string{"If-Match": match, "If-None-Match": unless, "If-None-Exist": criteria, "If-Modified-Since": since}
	body, contentType := allergy, "application/fhir+json"
	if method == "PATCH" {
		body, contentType = "[]", "application/json-patch+json"
	}
	d.survive(t, method, "/fhir/AllergyIntolerance/a1", body, contentType, headers)
	d.survive(t, method, "/fhir/AllergyIntolerance?"+criteria, body, contentType, headers)
}

func FuzzConditionsAtTheDoor(f *testing.F) {
	d := begun(f)
	for i, seed := range conditionSeeds {
		f.Add(conditionMethods[i], seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, match, unless, criteria, since string) {
		if !slices.Contains(conditionMethods, method) {
			t.Skip("another method")
		}
		d.anyConditions(t, method, match, unless, criteria, since)
	})
}

var searchSeeds = [][]string{{"name=a"}, {"birthdate=ge2026&name=a|b,c&_sort=-birthdate"}, {"_id=p1&_include=Patient:organization"}, {"_cursor=x"}, {"_id:not=%00"},
	{"identifier=1e9||x"}, {"_revinclude=Condition:subject"}, {"_lastUpdated=ap2026"}, {"_count=0"}, {"name=%5C&birthdate=lt9999"}}

// anySearch: whatever is asked, the answer is a Bundle or says what is wrong with it.
func (d *desk) anySearch(t *testing.T, query string) {
	if got := d.survive(t, "GET", "/fhir/Patient?"+query, "", "", nil); !slices.Contains([]int{200, 400, 406}, got.Code) {
		t.Errorf("%q: %d %s", query, got.Code, got.Body)
	}
}

func FuzzSearch(f *testing.F) {
	d := people(f)
	for _, seed := range searchSeeds {
		f.Add(seed[0])
	}
	f.Fuzz(func(t *testing.T, query string) { d.anySearch(t, query) })
}

// TestAnyInput asks what the fuzz targets ask, of variations of their seeds: -fuzz itself
// takes many minutes to build here.
func TestAnyInput(t *testing.T) {
	t.Run("patch", func(t *testing.T) {
		d := begun(t)
		for in := range inputtest.Of(inputtest.Count, patchSeeds...) {
			d.anyPatch(t, in[0])
		}
	})
	t.Run("bundle", func(t *testing.T) {
		d := begun(t)
		for in := range inputtest.Of(inputtest.Count, bundleSeeds...) {
			d.anyBundle(t, in[0])
		}
	})
	t.Run("conditions", func(t *testing.T) {
		d, n := begun(t), 0
		for in := range inputtest.Of(inputtest.Count, conditionSeeds...) {
			d.anyConditions(t, conditionMethods[n%len(conditionMethods)], in[0], in[1], in[2], in[3])
			n++
		}
	})
	t.Run("search", func(t *testing.T) {
		d := people(t)
		for in := range inputtest.Of(inputtest.Count, searchSeeds...) {
			d.anySearch(t, in[0])
		}
	})
}

package fhirjson_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
)

const patient = `{
  "resourceType": "Patient",
  "id": "p1",
  "meta": { "profile": [ "https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-patient" ] },
  "identifier": [ { "system": "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin", "value": "85073003328" } ],
  "name": [ { "family": "Peeters", "given": [ "Jan", "Piet" ] } ],
  "telecom": [ { "system": "phone", "value": "+32 2 111 11 11" }, { "system": "phone", "value": "+32 2 222 22 22" } ],
  "birthDate": "1985-07-30"
}
`

var at = time.Date(2026, 11, 3, 9, 30, 0, 123_000_000, time.UTC)

func TestPrepare(t *testing.T) {
	const server = `{"system":"https://carelog.eu/fhir/CodeSystem/sync","code":"conflict"}`
	for name, row := range map[string]struct{ body, want string }{
		"as it is":           {`{"resourceType":"Basic","id":"x","n":1.00}`, `{"resourceType":"Basic","id":"x","n":1.00}`},
		"same id, escaped":   {`{"resourceType":"Basic","id":"\u0078"}`, `{"resourceType":"Basic","id":"\u0078"}`},
		"other id":           {"{\n \"id\" : \"long-one\" ,\n \"resourceType\":\"Basic\"}", "{\n \"id\" : \"x\" ,\n \"resourceType\":\"Basic\"}"},
		"no id":              {"{\"resourceType\":\"Basic\" ,\n \"n\":1}", "{\"resourceType\":\"Basic\" ,\"id\":\"x\",\n \"n\":1}"},
		"no id, type last":   {"{\"n\":1,\n \"resourceType\":\"Basic\"\n}", "{\"n\":1,\n \"resourceType\":\"Basic\",\"id\":\"x\"\n}"},
		"only versions":      {`{"resourceType":"Basic","id":"x","meta":{"versionId":"1","lastUpdated":"2026"},"n":1}`, `{"resourceType":"Basic","id":"x","n":1}`},
		"meta last":          {`{"resourceType":"Basic","id":"x","meta":{"versionId":"1"}}`, `{"resourceType":"Basic","id":"x"}`},
		"meta first":         {`{"meta":{"versionId":"1"},"resourceType":"Basic","id":"x"}`, `{"resourceType":"Basic","id":"x"}`},
		"meta last, no id":   {`{"resourceType":"Basic","meta":{"versionId":"1"}}`, `{"resourceType":"Basic","id":"x"}`},
		"empty meta":         {`{"resourceType":"Basic","id":"x","meta":{ }}`, `{"resourceType":"Basic","id":"x"}`},
		"profile stays":      {`{"resourceType":"Basic","id":"x","meta":{"versionId":"1", "profile":["p"],"lastUpdated":"2"}}`, `{"resourceType":"Basic","id":"x","meta":{ "profile":["p"]}}`},
		"tag alone":          {`{"resourceType":"Basic","id":"x","meta":{"tag":[` + server + `]}}`, `{"resourceType":"Basic","id":"x"}`},
		"tag first":          {`{"resourceType":"Basic","id":"x","meta":{"tag":[` + server + `, {"code":"a"}]}}`, `{"resourceType":"Basic","id":"x","meta":{"tag":[ {"code":"a"}]}}`},
		"tag last":           {`{"resourceType":"Basic","id":"x","meta":{"tag":[{"code":"a"} , ` + server + `]}}`, `{"resourceType":"Basic","id":"x","meta":{"tag":[{"code":"a"} ]}}`},
		"tag twice":          {`{"resourceType":"Basic","id":"x","meta":{"tag":[` + server + `,{"code":"a"},` + server + `,` + server + `]}}`, `{"resourceType":"Basic","id":"x","meta":{"tag":[{"code":"a"}]}}`},
		"other tag and more": {`{"resourceType":"Basic","id":"x","meta":{"tag":[` + server + `],"source":"s","versionId":"1"}}`, `{"resourceType":"Basic","id":"x","meta":{"source":"s"}}`},
		"nested meta":        {`{"resourceType":"Basic","id":"x","contained":[{"meta":{"versionId":"1"}}]}`, `{"resourceType":"Basic","id":"x","contained":[{"meta":{"versionId":"1"}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fhirjson.Prepare([]byte(row.body), "x")
			if err != nil || string(got) != row.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, row.want)
			}
			again, err := fhirjson.Prepare(got, "x")
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("a second time it gives %s (%v)", again, err)
			}
		})
	}
	if _, err := fhirjson.Prepare([]byte(patient), "no/id"); err == nil {
		t.Error("it accepts an id that is none")
	}
}

func TestStamp(t *testing.T) {
	const meta = `"versionId":"v1","lastUpdated":"2026-11-03T09:30:00.123Z"`
	const tag = `{"system":"https://carelog.eu/fhir/CodeSystem/sync","code":"conflict"}`
	for name, row := range map[string]struct {
		body, want string
		tags       []fhirjson.Tag
	}{
		"no meta":       {`{"resourceType":"Basic","id":"x", "n":1}`, `{"resourceType":"Basic","id":"x","meta":{` + meta + `}, "n":1}`, nil},
		"id last":       {`{"resourceType":"Basic","id":"x" }`, `{"resourceType":"Basic","id":"x","meta":{` + meta + `} }`, nil},
		"no id":         {`{"resourceType":"Basic"}`, `{"resourceType":"Basic","meta":{` + meta + `}}`, nil},
		"meta":          {`{"resourceType":"Basic","meta":{ "source":"s"}}`, `{"resourceType":"Basic","meta":{` + meta + `, "source":"s"}}`, nil},
		"old version":   {`{"resourceType":"Basic","meta":{"versionId":"0"}}`, `{"resourceType":"Basic","meta":{` + meta + `}}`, nil},
		"tag":           {`{"resourceType":"Basic"}`, `{"resourceType":"Basic","meta":{` + meta + `,"tag":[` + tag + `]}}`, []fhirjson.Tag{fhirjson.ConflictTag}},
		"tag, meta":     {`{"resourceType":"Basic","meta":{"source":"s"}}`, `{"resourceType":"Basic","meta":{` + meta + `,"tag":[` + tag + `],"source":"s"}}`, []fhirjson.Tag{fhirjson.ConflictTag}},
		"tag among":     {`{"resourceType":"Basic","meta":{"tag":[ {"code":"a"}]}}`, `{"resourceType":"Basic","meta":{` + meta + `,"tag":[` + tag + `, {"code":"a"}]}}`, []fhirjson.Tag{fhirjson.ConflictTag}},
		"stale tag":     {`{"resourceType":"Basic","meta":{"tag":[` + tag + `]}}`, `{"resourceType":"Basic","meta":{` + meta + `}}`, nil},
		"not checkable": {`{"resourceType":"Basic","meta":1}`, `{"resourceType":"Basic","meta":1}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fhirjson.Stamp([]byte(row.body), "v1", at, row.tags...); string(got) != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// FuzzStamp: what a client reads and writes back unchanged is what was stored.
func FuzzStamp(f *testing.F) {
	f.Add([]byte(patient), "01J00000000000000000000000", true)
	f.Add([]byte(`{ "n" : 1 , "resourceType" : "Basic" }`), `"\`, false)
	f.Add([]byte(`{"resourceType":"Basic","meta":{"tag":[{"system":"s"}]}}`), "", true)
	f.Fuzz(func(t *testing.T, body []byte, version string, conflict bool) {
		kept, err := fhirjson.Prepare(body, "x")
		if err != nil {
			return
		}
		var tags []fhirjson.Tag
		if conflict {
			tags = append(tags, fhirjson.ConflictTag)
		}
		stamped := fhirjson.Stamp(kept, version, at, tags...)
		if _, err := fhirjson.Check(stamped); err != nil {
			t.Fatalf("stamped %q: %v", stamped, err)
		}
		if got := strings.Contains(string(stamped), `"lastUpdated":"2026-11-03T09:30:00.123Z"`); !got {
			t.Errorf("stamped %q: no time", stamped)
		}
		back, err := fhirjson.Prepare(stamped, "x")
		if err != nil || !bytes.Equal(back, kept) {
			t.Errorf("got  %q (%v)\nwant %q", back, err, kept)
		}
		if !fhirjson.Equal(kept, stamped) {
			t.Errorf("%q: a stamp changes the content", kept)
		}
	})
}

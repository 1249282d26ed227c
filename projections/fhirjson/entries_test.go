package fhirjson_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/projections/fhirjson"
)

func TestEntries(t *testing.T) {
	kind, got, err := fhirjson.Entries([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:1","resource":{ "resourceType":"Patient", "x":1.00 },"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=1"}},
		{"request":{"method":"GET","url":"Patient/1","ifNoneMatch":"W/\"1\"","ifModifiedSince":"2026-01-01T00:00:00Z"}},
		{"request":{"method":"PUT","url":"Patient/1","ifMatch":"W/\"2\""}},{}]}`))
	want := []fhirjson.BundleEntry{
		{FullURL: "urn:uuid:1", Resource: []byte(`{ "resourceType":"Patient", "x":1.00 }`), Method: "POST", URL: "Patient", IfNoneExist: "identifier=1"},
		{Method: "GET", URL: "Patient/1", IfNoneMatch: `W/"1"`, IfModifiedSince: "2026-01-01T00:00:00Z"},
		{Method: "PUT", URL: "Patient/1", IfMatch: `W/"2"`},
		{},
	}
	if diff := cmp.Diff(want, got); diff != "" || kind != "transaction" || err != nil {
		t.Errorf("%s, %v (-want +got):\n%s", kind, err, diff)
	}
}

func TestEntriesRefuse(t *testing.T) {
	for body, path := range map[string]string{
		`{"resourceType":"Patient"}`:                                                 "resourceType",
		`{"resourceType":"Bundle","type":1}`:                                         "Bundle.type",
		`{"resourceType":"Bundle","entry":{}}`:                                       "Bundle.entry",
		`{"resourceType":"Bundle","entry":[1]}`:                                      "Bundle.entry[0]",
		`{"resourceType":"Bundle","entry":[{},{"resource":[]}]}`:                     "Bundle.entry[1].resource",
		`{"resourceType":"Bundle","entry":[{"request":[]}]}`:                         "Bundle.entry[0].request",
		`{"resourceType":"Bundle","entry":[{"request":{"method":1}}]}`:               "Bundle.entry[0].request.method",
		`{"resourceType":"Bundle","entry":[{"fullUrl":null}]}`:                       "Bundle.entry[0].fullUrl",
		`{"resourceType":"Bundle","entry":[{"resource":{"id":"1","id":"2"}}]}`:       "Bundle.entry[0].resource.id",
		`{"resourceType":"Bundle","entry":[{"request":{"method":"GET","url":"\xff"}`: "Bundle.entry[0].request.url",
	} {
		_, _, err := fhirjson.Entries([]byte(body))
		var fault *fhirjson.Error
		if !errors.As(err, &fault) || fault.Path != path {
			t.Errorf("%s: got %v, want a fault at %s", body, err, path)
		}
	}
}

func TestRewriteLinks(t *testing.T) {
	body := `{"resourceType":"Basic","text":{"div":"<a href=\"urn:uuid:1\">urn:uuid:1</a>"},"identifier":[{"value":"urn:uuid:1"}],
 "note" : "\"reference\":\"urn:uuid:1\"", "subject": { "reference" : "urn:uuid:1" , "display":"urn:uuid:1"},
 "extension":[{"url":"http://x","valueUri":"urn:uuid:1"},{"url":"urn:uuid:1","valueString":"urn:uuid:1"}], "n": 1.00,"reference":{"reference":"urn\u003auuid:1"}}`
	want := `{"resourceType":"Basic","text":{"div":"<a href=\"urn:uuid:1\">urn:uuid:1</a>"},"identifier":[{"value":"urn:uuid:1"}],
 "note" : "\"reference\":\"urn:uuid:1\"", "subject": { "reference" : "Patient/1" , "display":"urn:uuid:1"},
 "extension":[{"url":"http://x","valueUri":"Patient/1"},{"url":"Patient/1","valueString":"urn:uuid:1"}], "n": 1.00,"reference":{"reference":"Patient/1"}}`
	got := fhirjson.RewriteLinks([]byte(body), func(_, value string) (string, bool) { return "Patient/1", value == "urn:uuid:1" })
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

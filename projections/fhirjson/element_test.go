package fhirjson_test

import (
	"slices"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
)

func TestVisit(t *testing.T) {
	const body = `{"resourceType":"X","a":[{"b":[{"c":"1"},{"c":2.50}]},{"b":{"c":true}},{"b":"x"}],"n":null,"e\u0061":"\u00e9"}`
	var got []string
	if err := fhirjson.Visit([]byte(body), func(r fhirjson.Element) {
		r.Each([]string{"a", "b", "c"}, func(e fhirjson.Element) { got = append(got, e.Primitive()) })
		got = append(got, r.Text("resourceType"), r.Text("ea"), r.Text("a", "b"), r.Text("none", "b"))
		null, ok := r.Member("n")
		if !ok || null.Primitive() != "" || null.Digits() != "" || null.IsObject() || !r.IsObject() {
			t.Error("null is something")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1", "2.50", "true", "X", "é", "", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := fhirjson.Visit([]byte(`{"a":1,"a":2}`), func(fhirjson.Element) { t.Error("called") }); err == nil {
		t.Error("a name that stands twice is read")
	}
}

package fhirjson_test

import (
	"errors"
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
		null := r.Member("n")
		if null == fhirjson.None || null.Primitive() != "" || null.Digits() != "" || null.Kind() != fhirjson.Literal || r.Kind() != fhirjson.Object {
			t.Error("null is something")
		}
		none := r.Member("none").Member("b").First()
		if none != fhirjson.None || none.Kind() != fhirjson.Nothing || none.Digits()+none.Primitive()+none.Text("x")+none.Text() != "" || none.Bytes() != nil {
			t.Error("what is not there is something")
		}
		none.Each([]string{"a"}, func(fhirjson.Element) { t.Error("what is not there has a member") })
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

func TestLook(t *testing.T) {
	v, err := fhirjson.Look([]byte(` {"resourceType":"Pa\u0074ient", "n\u0061me":[{}, 1.00, null], "active":true, "x":[]} `))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var names []string
	for m := v.First(); m != fhirjson.None; m = v.Next(m) {
		names = append(names, string(m.Name()))
	}
	if len(names) != 4 || names[1] != "name" || names[3] != "x" {
		t.Errorf("members %q", names)
	}
	if got := v.Member("resourceType").Bytes(); string(got) != "Patient" {
		t.Errorf("type %q", got)
	}
	list := v.Member("name")
	var items []string
	for i := list.First(); i != fhirjson.None; i = list.Next(i) {
		items = append(items, string(i.Raw()))
	}
	if len(items) != 3 || items[1] != "1.00" || list.First().Kind() != fhirjson.Object {
		t.Errorf("items %q", items)
	}
	for _, childless := range []fhirjson.Element{list.First(), v.Member("active"), v.Member("x")} {
		if childless.First() != fhirjson.None || childless.Bytes() != nil {
			t.Errorf("%s has children, or is a text", childless.Raw())
		}
	}
	if v.Member("y") != fhirjson.None || list.Member("name") != fhirjson.None {
		t.Error("a member that is not there is found")
	}
	var unreadable *fhirjson.Error
	if _, err := fhirjson.Look([]byte(`{"id":"x"}`)); !errors.As(err, &unreadable) {
		t.Errorf("no type: %v", err)
	}
}

package fhirjson_test

import (
	"errors"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson"
)

func TestView(t *testing.T) {
	v, err := fhirjson.Look([]byte(` {"resourceType":"Pa\u0074ient", "n\u0061me":[{}, 1.00, null], "active":true, "x":[]} `))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var names []string
	for m := v.First(fhirjson.Root); m != fhirjson.Root; m = v.Next(fhirjson.Root, m) {
		names = append(names, string(v.Name(m)))
	}
	if len(names) != 4 || names[1] != "name" || names[3] != "x" {
		t.Errorf("members %q", names)
	}
	if got := v.Text(v.Member(fhirjson.Root, "resourceType")); string(got) != "Patient" {
		t.Errorf("type %q", got)
	}
	list := v.Member(fhirjson.Root, "name")
	var items []string
	for i := v.First(list); i != fhirjson.Root; i = v.Next(list, i) {
		items = append(items, string(v.Raw(i)))
	}
	if len(items) != 3 || items[1] != "1.00" || v.Kind(v.First(list)) != fhirjson.Object {
		t.Errorf("items %q", items)
	}
	for _, childless := range []fhirjson.Node{v.First(list), v.Member(fhirjson.Root, "active"), v.Member(fhirjson.Root, "x")} {
		if v.First(childless) != fhirjson.Root || v.Text(childless) != nil {
			t.Errorf("%s has children, or is a text", v.Raw(childless))
		}
	}
	if v.Member(fhirjson.Root, "y") != fhirjson.Root || v.Member(list, "name") != fhirjson.Root {
		t.Error("a member that is not there is found")
	}
	var unreadable *fhirjson.Error
	if _, err := fhirjson.Look([]byte(`{"id":"x"}`)); !errors.As(err, &unreadable) {
		t.Errorf("no type: %v", err)
	}
}

package fhir_test

import (
	"encoding/json"
	"slices"
	"testing"
)

// What the CapabilityStatement says of changes is what the door does.
func TestCapabilitiesOfChanges(t *testing.T) {
	d := newDesk(t)
	var s struct {
		PatchFormat []string
		Rest        []struct {
			Interaction []struct{ Code string }
			Resource    []struct {
				Type                                 string
				Interaction                          []struct{ Code string }
				UpdateCreate                         bool
				ConditionalCreate, ConditionalUpdate bool
				ConditionalRead, ConditionalDelete   string
			}
		}
	}
	if err := json.Unmarshal(d.do("GET", "/fhir/metadata", "").want(200).Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, kind := range s.Rest[0].Interaction {
		all = append(all, kind.Code)
	}
	if !slices.Equal(all, []string{"transaction", "batch", "history-system"}) || len(s.PatchFormat) != 1 {
		t.Fatalf("interactions %v, patches %v", all, s.PatchFormat)
	}
	for _, kind := range all[:2] {
		d.do("POST", "/fhir", posted(kind)).want(200)
	}
	for _, r := range s.Rest[0].Resource {
		if r.Type != "Basic" && r.Type != "Patient" {
			continue
		}
		body := `{"resourceType":"` + r.Type + `","id":"x1","identifier":[{"value":"1"}]` + map[string]string{"Basic": `,"code":{"text":"x"}`}[r.Type] + `}`
		place := "/fhir/" + r.Type
		if !slices.ContainsFunc(r.Interaction, func(c struct{ Code string }) bool { return c.Code == "patch" }) || !r.UpdateCreate ||
			!r.ConditionalCreate || !r.ConditionalUpdate || r.ConditionalRead != "full-support" || r.ConditionalDelete != "single" {
			t.Fatalf("claimed is %+v", r)
		}
		d.do("PUT", place+"/x1", body).want(201)
		d.do("PATCH", place+"/x1", "[]", "Content-Type: "+s.PatchFormat[0]).want(200)
		d.do("POST", place, body, "If-None-Exist: identifier=1").want(200)
		d.do("PUT", place+"?identifier=1", body).want(200)
		got := d.do("GET", place+"/x1", "").want(200)
		d.do("GET", place+"/x1", "", "If-None-Match: "+got.Header().Get("ETag")).want(304)
		d.do("POST", place, body).want(201)
		d.do("DELETE", place+"?identifier=1", "").want(412)
		d.do("DELETE", place+"/x1", "").want(204)
		d.do("DELETE", place+"?identifier=1", "").want(204)
		d.do("GET", place+"?identifier=1", "").want(200)
		if n := *d.do("GET", place+"?identifier=1", "").bundle().Total; n != 0 {
			t.Errorf("%s: %d are left", r.Type, n)
		}
	}
}

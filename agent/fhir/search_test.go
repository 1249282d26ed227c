package fhir_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// people registers patients p1 to p3, an allergy and a note of p1, and a doctor.
func people(t testing.TB) *desk {
	t.Helper()
	d := newDesk(t)
	for i, p := range []string{
		`"name":[{"family":"Peeters","given":["Jan","Piet"]}],"birthDate":"1985-07-30","identifier":[{"system":"urn:s","value":"1"}]`,
		`"name":[{"family":"Péters","given":["Anne"]}],"birthDate":"1985-08-01","identifier":[{"system":"urn:s","value":"2"}]`,
		`"name":[{"family":"D'Hondt","given":["Jan"]}],"birthDate":"1990","identifier":[{"value":"1"}]`,
	} {
		d.do("PUT", fmt.Sprintf("/fhir/Patient/p%d", i+1), fmt.Sprintf(`{"resourceType":"Patient","id":"p%d",%s}`, i+1, p)).want(201)
	}
	d.do("PUT", "/fhir/AllergyIntolerance/a1", allergy).want(201)
	d.do("PUT", "/fhir/Condition/c1", `{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"}}`).want(201)
	d.do("PUT", "/fhir/Practitioner/d1", `{"resourceType":"Practitioner","id":"d1","name":[{"family":"Peeters"}]}`).want(201)
	d.do("PUT", "/fhir/Condition/gone", `{"resourceType":"Condition","id":"gone","subject":{"reference":"Patient/p1"}}`).want(201)
	d.do("DELETE", "/fhir/Condition/gone", "").want(204)
	return d
}

func TestSearch(t *testing.T) {
	d := people(t)
	for query, want := range map[string][]string{
		"Patient":                                 {"p1", "p2", "p3"},
		"Patient?_id=p2":                          {"p2"},
		"Patient?_id=c1":                          {},
		"Patient?name=pe":                         {"p1", "p2"},
		"Patient?name=PÉT":                        {"p2"},
		"Patient?name=piet peeters":               {"p1"},
		"Patient?name=piet&name=peeters":          {"p1"},
		"Patient?name=piet&name=hondt":            {},
		"Patient?family=jan":                      {},
		"Patient?given=jan":                       {"p1", "p3"},
		"Patient?family=dhondt&given=jan":         {"p3"},
		"Patient?birthdate=1985":                  {"p1", "p2"},
		"Patient?birthdate=eq1985-07":             {"p1"},
		"Patient?birthdate=1985-07-30":            {"p1"},
		"Patient?identifier=1":                    {"p1", "p3"},
		"Patient?identifier=urn:s|1":              {"p1"},
		"Patient?identifier=|1":                   {"p3"},
		"Patient?identifier=urn:s|":               {"p1", "p2"},
		"Condition?patient=p1":                    {"c1"},
		"Condition?subject=Patient/p1":            {"c1"},
		"Condition?subject:Patient=p1":            {"c1"},
		"Condition?patient=p2":                    {},
		"AllergyIntolerance?patient=p1&_id=a1":    {"a1"},
		"Practitioner?family=peeters":             {"d1"},
		"Practitioner?_tag=conflict&name=peeters": {},
	} {
		path, params, _ := strings.Cut(query, "?")
		values, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		answer := d.do("GET", "/fhir/"+path+"?"+values.Encode(), "").want(200)
		posted := d.do("POST", "/fhir/"+path+"/_search", values.Encode(), "Content-Type: application/x-www-form-urlencoded")
		if posted.Body.String() != answer.Body.String() {
			t.Errorf("%s: posted, it finds %s", query, posted.Body)
		}
		got := answer.bundle()
		ids := got.ids(t)
		slices.Sort(ids)
		if !slices.Equal(ids, want) || *got.Total != len(want) || got.Type != "searchset" {
			t.Errorf("%s finds %v of %d, want %v", query, ids, *got.Total, want)
		}
		if self, want := got.link("self"), strings.TrimSuffix("http://127.0.0.1:7878/fhir/"+path+"?"+values.Encode(), "?"); self != want {
			t.Errorf("%s: self is %s, want %s", query, self, want)
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	d := people(t)
	for query, code := range map[string]string{
		"Patient?name:contains=an":                "not-supported",
		"Patient?birthdate:exact=1985":            "not-supported",
		"Condition?patient.name=jan":              "not-supported",
		"Condition?subject:identifier=g":          "not-supported",
		"Condition?patient:Group=g":               "not-supported",
		"Condition?code:in=urn:set":               "not-supported",
		"Condition?code:text=pain":                "not-supported",
		"Patient?_id:missing=true":                "not-supported",
		"Patient?name=--":                         "value",
		"Patient?name=jan,":                       "value",
		"Patient?birthdate=yesterday":             "value",
		"Patient?birthdate=1985-02-30":            "value",
		"Patient?birthdate=xx1985":                "value",
		"Patient?birthdate:missing=perhaps":       "value",
		"Condition?code=%7C":                      "value",
		"Observation?value-quantity=many":         "value",
		"Observation?value-quantity=5%7Cmg":       "value",
		"Patient?_count=-1":                       "value",
		"Patient?_count=many":                     "value",
		"Patient?_total=some":                     "value",
		"Patient?_cursor=nonsense":                "value",
		"Patient?_sort=name&_sort=birthdate":      "value",
		"Condition?patient=http://x/fhir/Group/1": "value",
		"Condition?patient=Group/1":               "value",
		"Patient?name=%zz":                        "value",
	} {
		if got := d.do("GET", "/fhir/"+query, "").want(400); got.issueCode() != code {
			t.Errorf("%s: got %s, want %s: %s", query, got.issueCode(), code, got.Body)
		}
	}
	d.do("POST", "/fhir/Patient/_search", "{}").want(415)
	d.do("POST", "/fhir/Patient/_search", strings.Repeat("a", 65<<10), "Content-Type: application/x-www-form-urlencoded").want(413)
	d.do("POST", "/fhir/Patient/_search", "").want(200)
}

// TestSearchIsNeverWiderUnsaid: what was not looked at is named and not in self.
func TestSearchIsNeverWiderUnsaid(t *testing.T) {
	d := people(t)
	for query, self := range map[string]string{
		"Patient?phone=123":             "Patient",
		"Patient?phone=123&given=jan":   "Patient?given=jan",
		"Patient?patient=p1":            "Patient", // no parameter of Patient
		"AllergyIntolerance?name=nuts":  "AllergyIntolerance",
		"Condition?patient=&code=x":     "Condition?code=x",
		"Patient?_sort=phone&_id=x":     "Patient?_id=x",
		"Patient?_include=Patient:link": "Patient",
		"Patient?_include=Group:member": "Patient",
		"Patient?_revinclude=Device:x":  "Patient",
		"Patient?_summary=text":         "Patient",
		"Patient?_include:iterate=a:b":  "Patient",
	} {
		lenient := d.do("GET", "/fhir/"+query, "").want(200)
		b := lenient.bundle()
		if got := b.link("self"); got != "http://127.0.0.1:7878/fhir/"+self {
			t.Errorf("%s: self is %s", query, got)
		}
		last := b.Entry[len(b.Entry)-1]
		if last.Search.Mode != "outcome" || !strings.Contains(string(last.Resource), "is not supported for") && !strings.Contains(string(last.Resource), "has no value") {
			t.Errorf("%s: nothing says so: %s", query, lenient.Body)
		}
		if got := d.do("GET", "/fhir/"+query, "", "Prefer: respond-async; handling=strict").want(400); got.issueCode() != "not-supported" {
			t.Errorf("%s, strict: %s", query, got.Body)
		}
	}
}

func TestSearchPages(t *testing.T) {
	d := people(t)
	var ids []string
	path, pages := "/fhir/Patient?_count=2", 0
	for ; path != ""; pages++ {
		b := d.do("GET", path, "").want(200).bundle()
		if *b.Total != 3 || len(b.Entry) > 2 {
			t.Errorf("page %d: %d of %d", pages, len(b.Entry), *b.Total)
		}
		ids = append(ids, b.ids(t)...)
		path = strings.TrimPrefix(b.link("next"), "http://127.0.0.1:7878")
	}
	slices.Sort(ids)
	if pages != 2 || !slices.Equal(ids, []string{"p1", "p2", "p3"}) {
		t.Errorf("%d pages with %v", pages, ids)
	}
	count := d.do("GET", "/fhir/Patient?_count=0", "").want(200).bundle()
	if *count.Total != 3 || len(count.Entry) != 0 || count.link("next") != "" {
		t.Errorf("a count: %+v", count)
	}
}

package fhir_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// put writes a resource.
func (d *desk) put(record, members string) reply {
	d.t.Helper()
	typ, id, _ := strings.Cut(record, "/")
	return d.do("PUT", "/fhir/"+record, fmt.Sprintf(`{"resourceType":%q,"id":%q,%s}`, typ, id, members))
}

// finds are the ids that a search matches, in their order.
func (d *desk) finds(query string) []string {
	d.t.Helper()
	path, params, _ := strings.Cut(query, "?")
	values, err := url.ParseQuery(params)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.do("GET", "/fhir/"+path+"?"+values.Encode(), "", "Prefer: handling=strict").want(200).bundle().ids(d.t)
}

// measurements are observations of two patients in two visits.
func measurements(t *testing.T) *desk {
	d := people(t)
	d.put("Encounter/e1", `"status":"finished","subject":{"reference":"Patient/p1"},"period":{"start":"2026-01-05T09:00:00+01:00","end":"2026-01-05T09:20:00+01:00"},"class":{"code":"AMB"},"participant":[{"individual":{"reference":"Practitioner/d1"}}]`).want(201)
	for i, members := range []string{
		`"status":"final","subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2026-01-05T09:10:00+01:00","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":81.50,"unit":"kg"}`,
		`"status":"amended","subject":{"reference":"Patient/p1"},"effectiveDateTime":"2025-03","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":79,"unit":"kg"}`,
		`"status":"final","subject":{"reference":"Patient/p2"},"effectiveDateTime":"2026-02-01","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]}`,
		`"status":"final","subject":{"reference":"Patient/p2"},"code":{"text":"no code"}`,
	} {
		d.put(fmt.Sprint("Observation/o", i+1), members).want(201)
	}
	return d
}

func TestTypedSearch(t *testing.T) {
	d := measurements(t)
	for query, want := range map[string][]string{
		"Observation?patient=p1&code=29463-7":                               {"o1", "o2"},
		"Observation?patient=p1&code=http://loinc.org|29463-7&status=final": {"o1"},
		"Observation?code=8302-2,29463-7&patient=Patient/p2":                {"o3"},
		"Observation?code:not=29463-7":                                      {"o3", "o4"},
		"Observation?code:missing=true":                                     {"o4"},
		"Observation?date=ge2026-01-01&date=lt2026-02-01":                   {"o1"},
		"Observation?date=2026-01-05,2025":                                  {"o1", "o2"},
		"Observation?value-quantity=gt79||kg":                               {"o1"},
		"Observation?value-quantity=82":                                     {"o1"}, // it rounds to that
		"Observation?value-quantity=81":                                     {},
		"Observation?value-quantity=81.5":                                   {"o1"},
		"Observation?encounter=e1":                                          {"o1"},
		"Observation?encounter=http://127.0.0.1:7878/fhir/Encounter/e1":     {"o1"},
		"Observation?_id=o3,o1,none":                                        {"o1", "o3"},
		"Observation?_lastUpdated=ge2000":                                   {"o1", "o2", "o3", "o4"},
		"Observation?_lastUpdated=lt2000":                                   {},
		"Observation?_sort=date":                                            {"o2", "o1", "o3", "o4"},
		"Observation?_sort=-date":                                           {"o3", "o1", "o2", "o4"},
		"Observation?_sort=-_id":                                            {"o4", "o3", "o2", "o1"},
		"Observation?_sort=-_lastUpdated":                                   {"o4", "o3", "o2", "o1"},
		"Patient?_sort=-name":                                               {"p2", "p1", "p3"},
		"Patient?_sort=birthdate,_id":                                       {"p1", "p2", "p3"},
		"Patient?name:exact=Péters":                                         {"p2"},
		"Patient?family:exact=peeters":                                      {},
		"Patient?birthdate=gt1985-07-30":                                    {"p2", "p3"},
		"Encounter?practitioner=d1&date=2026-01-05":                         {"e1"},
		"AllergyIntolerance?patient=p1&clinical-status:missing=true":        {"a1"},
		"Observation?_tag:not=conflict&_profile:missing=true&identifier:missing=true&patient=p1": {"o1", "o2"},
	} {
		if got := d.finds(query); !slices.Equal(got, want) && !(len(got) == 0 && len(want) == 0) {
			if slices.Sort(got); !strings.Contains(query, "_sort") && slices.Equal(got, want) {
				continue
			}
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]int{"Observation?code=29463-7&_summary=count": 2, "Observation?_summary=count": 4} {
		if b := d.do("GET", "/fhir/"+query, "").want(200).bundle(); *b.Total != want || len(b.Entry) != 0 || b.link("next") != "" {
			t.Errorf("%s: %d, %d entries", query, *b.Total, len(b.Entry))
		}
	}
}

// TestCategoriesAndBelgianSystems: at the door each spelling of a Belgian system finds what was
// sent in another, and each type that has a category is found by it.
func TestCategoriesAndBelgianSystems(t *testing.T) {
	d := newDesk(t)
	const subject, category = `"subject":{"reference":"Patient/p1"}`, `"category":[{"coding":[{"system":"urn:c","code":"k"}]}]`
	medicine := func(system, code string) string {
		return `"status":"active",` + subject + `,"medicationCodeableConcept":{"coding":[{"system":"` + system + `","code":"` + code + `"}]}`
	}
	const ns = "https://www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/"
	for record, members := range map[string]string{
		"MedicationStatement/cnk": medicine(ns+"cnk-codes", "1111111"), "MedicationStatement/old-cnk": medicine(ns+"be-ns-cnk-codes", "1111111"),
		"MedicationStatement/cti": medicine(ns+"cti-extended-code", "222222-01"), "MedicationStatement/old-cti": medicine(ns+"be-ns-cti-extended-code", "222222-01"),
		"MedicationStatement/atc": medicine("http://www.whocc.no/atc", "J01CA04"), "MedicationStatement/bare-atc": medicine("http://whocc.no/atc", "J01CA04"),
		"MedicationStatement/other": medicine("urn:other", "1111111"),

		"Observation/c": `"status":"final","code":{"text":"x"},` + subject + "," + category, "Condition/c": subject + "," + category,
		"AllergyIntolerance/c": `"patient":{"reference":"Patient/p1"},"category":["food"]`,
		"DiagnosticReport/c":   `"status":"final","code":{"text":"x"},` + subject + "," + category,
		"ServiceRequest/c":     `"status":"active","intent":"order",` + subject + "," + category,
		"Procedure/c":          `"status":"completed",` + subject + "," + strings.NewReplacer("[{\"coding", "{\"coding", "}]}]", "}]}").Replace(category),
		"CarePlan/c":           `"status":"active","intent":"plan",` + subject + "," + category,
		"Consent/c":            `"status":"active","scope":{"text":"x"},"patient":{"reference":"Patient/p1"},"policyRule":{"text":"x"},` + category,
		"DocumentReference/c":  `"status":"current","content":[{"attachment":{"title":"x"}}],"masterIdentifier":{"system":"urn:m","value":"7"},"identifier":[{"value":"8"}],` + subject + "," + category,
		"Communication/c":      `"status":"completed",` + subject + "," + category, "Goal/c": `"lifecycleStatus":"active","description":{"text":"x"},` + subject + "," + category,
		"MedicationRequest/c":  `"intent":"order",` + medicine("urn:x", "1") + "," + category,
		"MedicationDispense/c": strings.Replace(medicine("urn:x", "1"), "active", "completed", 1) + "," + strings.NewReplacer("[{\"coding", "{\"coding", "}]}]", "}]}").Replace(category),

		"EpisodeOfCare/by-doctor": `"status":"active","patient":{"reference":"Patient/p1"},"careManager":{"reference":"Practitioner/m1"}`,
		"EpisodeOfCare/by-role":   `"status":"active","patient":{"reference":"Patient/p1"},"careManager":{"reference":"PractitionerRole/m1"}`,
	} {
		d.put(record, members).want(201)
	}
	rows := map[string][]string{
		"AllergyIntolerance?category=food": {"c"}, "AllergyIntolerance?category=medication": {},
		"DocumentReference?identifier=urn:m|7": {"c"}, "DocumentReference?identifier=8": {"c"},
		"EpisodeOfCare?care-manager=m1": {"by-doctor"},
	}
	for code, spellings := range map[string][]string{
		"1111111": {ns + "cnk-codes", ns + "be-ns-cnk-codes"}, "222222-01": {ns + "cti-extended-code", ns + "be-ns-cti-extended-code"},
		"J01CA04": {"http://www.whocc.no/atc", "http://whocc.no/atc", "https://www.whocc.no/atc"},
	} {
		want := map[string][]string{"1111111": {"cnk", "old-cnk"}, "222222-01": {"cti", "old-cti"}, "J01CA04": {"atc", "bare-atc"}}[code]
		for _, system := range append(spellings, strings.Replace(spellings[0], "https:", "http:", 1)) {
			rows["MedicationStatement?patient=p1&code="+system+"|"+code] = want
		}
	}
	for _, typ := range []string{"Observation", "Condition", "DiagnosticReport", "ServiceRequest", "Procedure", "CarePlan", "Consent", "DocumentReference", "Communication",
		"Goal", "MedicationRequest", "MedicationDispense"} {
		rows[typ+"?category=k"], rows[typ+"?category=urn:c|k"], rows[typ+"?category=urn:d|k"] = []string{"c"}, []string{"c"}, nil
	}
	for query, want := range rows {
		got := d.finds(query)
		if slices.Sort(got); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
}

func TestIncludes(t *testing.T) {
	d := measurements(t)
	for query, want := range map[string][]string{
		"Observation?_id=o1&_include=Observation:subject":                                      {"match o1", "include p1"},
		"Observation?patient=p1&_include=Observation:subject&_include=Observation:encounter":   {"match o1", "match o2", "include e1", "include p1"},
		"Observation?_id=o1&_include=Observation:subject:Group":                                {"match o1"},
		"Encounter?_id=e1&_include=Encounter:participant&_revinclude=Observation:encounter":    {"match e1", "include d1", "include o1"},
		"Patient?_id=p2&_revinclude=Observation:patient&_revinclude=Condition:subject:Patient": {"match p2", "include o3", "include o4"},
	} {
		b := d.do("GET", "/fhir/"+query, "", "Prefer: handling=strict").want(200).bundle()
		var got []string
		for _, e := range b.Entry {
			head, err := fhirjson.Check(e.Resource)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Search.Mode+" "+head.ID)
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s brings %v, want %v", query, got, want)
		}
	}
}

// An allergy that stands only beside the version shown is found, and the answer says so.
func TestEveryHeadIsFound(t *testing.T) {
	d := newDesk(t)
	coded := func(code string) string {
		return `"patient":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `"}]}`
	}
	first := d.put("AllergyIntolerance/a1", coded("1")).want(201).version()
	d.put("AllergyIntolerance/a1", coded("2")).want(200)
	other := d.elsewhere("AllergyIntolerance/a1", "p1", `{"resourceType":"AllergyIntolerance","id":"a1",`+coded("91936005")+`}`, first)
	for code, found := range map[string]bool{"1": false, "2": true, "91936005": true} {
		got := d.do("GET", "/fhir/AllergyIntolerance?patient=p1&code="+code, "").want(200)
		if ids := got.bundle().ids(t); (len(ids) == 1) != found {
			t.Errorf("%s finds %v", code, ids)
		}
		if said := strings.Contains(got.Body.String(), "was found by its version "+other.String()); said != (code == "91936005") {
			t.Errorf("%s: said to stand beside the version shown: %v: %s", code, said, got.Body)
		}
	}
	// No head is both.
	if got := d.finds("AllergyIntolerance?code=2&code=91936005"); len(got) != 0 {
		t.Errorf("two heads together find %v", got)
	}
}

// Each record that is there throughout is on one page, whatever is written between them.
func TestPagesAreStableUnderWrites(t *testing.T) {
	for _, sort := range []string{"", "_sort=date", "_sort=-date", "_sort=_id", "_sort=_lastUpdated"} {
		t.Run(sort, func(t *testing.T) {
			d := newDesk(t)
			write := func(id, date string) {
				d.put("Procedure/"+id, `"status":"completed","subject":{"reference":"Patient/p1"},"performedDateTime":"`+date+`"`)
			}
			var want []string
			for i := range 12 {
				id := fmt.Sprintf("m%02d", i)
				write(id, fmt.Sprintf("2026-01-%02d", 1+i/2))
				want = append(want, id)
			}
			var got []string
			path := "/fhir/Procedure?patient=p1&_count=3&" + sort
			for i := 0; path != "" && i < 100; i++ {
				b := d.do("GET", path, "").want(200).bundle()
				for _, id := range b.ids(t) {
					if id[0] == 'm' {
						got = append(got, id)
					}
				}
				if i < 5 {
					write(fmt.Sprint("a", i), "2025-01-01")
					write(fmt.Sprint("z", i), "2027-01-01")
					if i > 0 {
						d.do("DELETE", fmt.Sprint("/fhir/Procedure/a", i-1), "").want(204)
					}
				}
				path = strings.TrimPrefix(b.link("next"), "http://127.0.0.1:7878")
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("pages hold %v", got)
			}
		})
	}
	d := measurements(t)
	next := d.do("GET", "/fhir/Observation?_count=1&_sort=date", "").want(200).bundle().link("next")
	other := strings.Replace(strings.TrimPrefix(next, "http://127.0.0.1:7878"), "_sort=date", "_sort=-date", 1)
	d.do("GET", other, "").want(400)
}

// What is read in a large batch is found before it is indexed and after, and where the
// index may have missed something the answer says so.
func TestSearchWhileIndexing(t *testing.T) {
	d := newDesk(t)
	var entries []projections.Entry
	for i := range 300 { // enough to be indexed later
		body := fmt.Sprintf(`{"resourceType":"Procedure","id":"m%d","status":"completed","subject":{"reference":"Patient/p%d"},"performedDateTime":"2026-01-05","code":{"coding":[{"code":"c%d"}]}}`, i, i%10, i)
		e := d.other.Make(changeOf(fmt.Sprint("Procedure/m", i), fmt.Sprint("p", i%10), body))
		entries = append(entries, projections.Entry{Sequence: d.next(), Event: e, Body: []byte(body)})
	}
	if _, err := d.store.Apply(t.Context(), projections.Batch{Entries: entries}); err != nil {
		t.Fatal(err)
	}
	for at := (projections.Indexed{}); ; {
		for query, want := range map[string]int{"Procedure?patient=p7&code=c17": 1, "Procedure?date=2026-01-05&_total=accurate": 300, "Procedure?_id=m3": 1, "Procedure?code=c200": 1, "Procedure?code=none": 0} {
			got := d.do("GET", "/fhir/"+query, "").want(http.StatusOK)
			if *got.bundle().Total != want || strings.Contains(got.Body.String(), `"incomplete"`) {
				t.Errorf("%d of %d indexed, %s: %s", at.Done, at.Total, query, got.Body)
			}
		}
		if at.Complete() && at.Total > 0 {
			break
		}
		var err error
		if at, err = d.store.Index(t.Context(), 200); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.do("GET", "/fhir/Procedure?date=2026-01-05", "").want(http.StatusOK).bundle(); got.Total != nil || len(got.Entry) != fhir.DefaultCount || got.link("next") == "" {
		t.Errorf("a long list that nobody asked to be counted has %d entries, total %v", len(got.Entry), got.Total)
	}
	d.indexing = true
	if got := d.do("GET", "/fhir/Procedure?code=none", "").want(http.StatusOK).Body.String(); !strings.Contains(got, `"incomplete"`) {
		t.Errorf("nobody says that more may be found: %s", got)
	}
}

// TestSamplesAreFound: each sample is found by each of its own values that a client would
// ask for.
func TestSamplesAreFound(t *testing.T) {
	d := newDesk(t)
	count, asked := 0, 0
	resources(t, 100, func(body []byte) {
		body = urns.ReplaceAll(body, []byte("${1}Patient/$2"))
		head, err := fhirjson.Check(body)
		if err != nil || head.ResourceType == "Parameters" || head.ResourceType == "OperationOutcome" || head.ResourceType == "Bundle" {
			return
		}
		if count++; count > 400 {
			return
		}
		d.do("PUT", "/fhir/"+head.ResourceType+"/"+head.ID, string(body))
		for _, q := range questionsOf(head.ResourceType, body) {
			asked++
			if !slices.Contains(d.finds(head.ResourceType+"?_count=1000&"+q), head.ID) {
				t.Errorf("%s does not find %s/%s", q, head.ResourceType, head.ID)
			}
		}
	})
	t.Logf("%d resources, %d questions", count, asked)
}

// questionsOf reads what can be asked out of a resource.
func questionsOf(typ string, body []byte) (list []string) {
	add := func(name string, value string) {
		if _, ok := fhirsearch.Lookup(typ, name); ok && value != "" {
			escaped := strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`).Replace(value)
			list = append(list, name+"="+url.QueryEscape(escaped))
		}
	}
	_ = fhirjson.Visit(body, func(r fhirjson.Element) {
		coded := func(path ...string) func(name string) {
			return func(name string) {
				r.Each(append(path, "coding"), func(c fhirjson.Element) {
					if c.Text("code") != "" && !strings.Contains(c.Text("code")+c.Text("system"), "|") {
						add(name, c.Text("system")+"|"+c.Text("code"))
					}
				})
			}
		}
		coded("code")("code")
		coded("clinicalStatus")("clinical-status")
		coded("vaccineCode")("vaccine-code")
		coded("medicationCodeableConcept")("code")
		r.Each([]string{"identifier", "value"}, func(v fhirjson.Element) { add("identifier", v.Text()) })
		r.Each([]string{"name", "family"}, func(v fhirjson.Element) { add("family", v.Text()) })
		add("birthdate", r.Text("birthDate"))
		add("status", r.Text("status"))
		if typ == "Observation" {
			add("date", r.Text("effectiveDateTime"))
		}
		if typ == "Encounter" {
			add("date", "ge"+r.Text("period", "start"))
		}
		if typ == "Condition" {
			add("subject", r.Text("subject", "reference"))
		}
	})
	return list
}

package fhirsearch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirsearch"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// asks reports whether a resource is what name=value asks for. Whatever matches must also
// have a key within every way to it.
func asks(t *testing.T, typ, body, question string) bool {
	t.Helper()
	name, value, _ := strings.Cut(question, "=")
	c, known, err := fhirsearch.Parse(typ, name, value, now)
	if err != nil || !known {
		t.Fatalf("%s: known %v, %v", question, known, err)
	}
	values := fhirsearch.ValuesOf(typ, "p1", []byte(body))
	matches := c.Matches(&fhirsearch.Head{ID: "x", Updated: now.UnixMilli(), Values: values})
	if !matches {
		return false
	}
	for _, way := range c.Ways() {
		if way.Indexed() && len(way.Patients) == 0 && !reached(way, fhirsearch.Keys(fhirsearch.Pack([]fhirsearch.Values{values}))) {
			t.Errorf("%s matches, and no way leads there", question)
		}
	}
	return true
}

func reached(way fhirsearch.Way, keys [][]byte) bool {
	for _, k := range keys {
		for _, r := range way.Reaches {
			if string(k) >= string(r.From) && string(k) <= string(r.To) {
				return true
			}
		}
	}
	return false
}

// table is a resource, and what finds it and what does not.
type table struct {
	typ, body string
	yes, no   string // questions
}

func (x table) run(t *testing.T) {
	t.Helper()
	for _, q := range strings.Fields(x.yes) {
		if !asks(t, x.typ, x.body, q) {
			t.Errorf("%s does not find %s", q, x.body)
		}
	}
	for _, q := range strings.Fields(x.no) {
		if asks(t, x.typ, x.body, q) {
			t.Errorf("%s finds %s", q, x.body)
		}
	}
}

func TestTokens(t *testing.T) {
	table{"Condition", `{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"38341003"},{"code":"a,b|c"}]},
		"clinicalStatus":{"coding":[{"system":"urn:cs","code":"active"}]},"identifier":[{"system":"urn:i","value":"7"},{"system":"urn:j"}],
		"meta":{"tag":[{"system":"urn:t","code":"x"}],"profile":["http://p|1.0"]}}`,
		`code=38341003 code=http://snomed.info/sct|38341003 code=http://snomed.info/sct| code=x,38341003 code=a\,b\|c code=|a\,b\|c
		clinical-status=active clinical-status:not=resolved code:not=1 severity:not=x severity:missing=true code:missing=false
		identifier=7 identifier=urn:i|7 _tag=urn:t|x _tag:not=conflict _profile=http://p|1.0 _profile=http://p _id=x _id=y,x _lastUpdated=2026-03-01`,
		`code=3834100 code=38341003x code=|38341003 code=urn:x|38341003 code:not=38341003 code:not=1,38341003 code:missing=true severity:missing=false
		clinical-status=ACTIVE identifier=urn:j|7 _tag=conflict _profile=http://q _id=y _lastUpdated=gt2026-03-01`,
	}.run(t)
	table{"Patient", `{"resourceType":"Patient","active":true,"gender":"female"}`,
		`active=true gender=female gender=http://hl7.org/fhir/administrative-gender|female identifier:missing=true`,
		`active=false gender=urn:x|female gender=|female`}.run(t)
	table{"Encounter", `{"resourceType":"Encounter","class":{"system":"urn:c","code":"AMB"}}`, `class=AMB class=urn:c|AMB`, `class=urn:d|AMB`}.run(t)
}

// The guides disagree about the names of the systems of medicines: they are one.
func TestBelgianSystemsAreOne(t *testing.T) {
	const ns = "://www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/"
	for _, same := range [][]string{
		{"https" + ns + "cnk-codes", "https" + ns + "be-ns-cnk-codes", "http" + ns + "be-ns-cnk-codes", "http" + ns + "cnk-codes"},
		{"https" + ns + "cti-extended-code", "https" + ns + "be-ns-cti-extended-code", "http" + ns + "be-ns-cti-extended-code"},
		{"http://www.whocc.no/atc", "http://whocc.no/atc", "https://www.whocc.no/atc"},
	} {
		for _, sent := range same {
			body := fmt.Sprintf(`{"resourceType":"MedicationStatement","medicationCodeableConcept":{"coding":[{"system":%q,"code":"123"}]}}`, sent)
			for _, asked := range same {
				if !asks(t, "MedicationStatement", body, "code="+asked+"|123") {
					t.Errorf("%s does not find %s", asked, sent)
				}
			}
			if asks(t, "MedicationStatement", body, "code=urn:other|123") {
				t.Errorf("another system finds %s", sent)
			}
		}
	}
	if a, b := fhirsearch.Canonical("http://www.whocc.no/atc"), fhirsearch.Canonical("https"+ns+"cnk-codes"); a == b {
		t.Error("ATC and CNK are one")
	}
}

func TestDates(t *testing.T) {
	when := func(s string) string {
		return `{"resourceType":"Procedure","performedDateTime":"` + s + `"}`
	}
	span := func(members string) string {
		return `{"resourceType":"Procedure","performedPeriod":{` + members + `}}`
	}
	for _, x := range []table{
		{"Procedure", when("2026-01-05"), `date=2026 date=2026-01 date=2026-01-05 date=ne2026-01-06 date=gt2026-01-04 date=ge2026-01-05 date=lt2026-01-06 date=le2026-01-05
			date=sa2026-01-04 date=eb2026-01-06 date=ap2026-01-07 date=2025,2026 date=gt2026-01-05T12:00 date=lt2026-01-05T12:00`,
			`date=2025 date=2026-01-05T12:00 date=ne2026-01-05 date=gt2026-01-05 date=lt2026-01-05 date=sa2026-01-05 date=eb2026-01-05 date=ap2020-01-05`},
		// A day without a zone is the day as it was written, a moment with one is compared as a moment.
		{"Procedure", when("2026-01-05T00:30:00+01:00"), `date=2026-01-05 date=2026-01-05T00:30 date=2026-01-04T23:30:00Z date=ge2026-01-04T23:30:00Z date=lt2026-01-05T00:00:00Z date=2026-01-05T00:30:00+01:00`,
			`date=2026-01-04 date=2026-01-05T00:30:00Z date=2026-01-05T00:31`},
		{"Procedure", when("2026-01-05T10:00:00.5+02:00"), `date=2026-01-05T10:00:00 date=2026-01-05T08:00:00Z date=lt2026-01-05T08:00:01Z`, `date=2026-01-05T10:00:01`},
		{"Procedure", when("2026"), `date=2026 date=ge2026-06-01 date=le2026-06-01 date=lt2026-06-01`, `date=2026-06 date=sa2026-06-01`},
		{"Procedure", span(`"start":"2026-01-05","end":"2026-02-05"`), `date=2026 date=ge2026-02-01 date=gt2026-02-01 date=lt2026-01-10 date=sa2026-01-04 date=ap2026-01-20`, `date=2026-01 date=sa2026-01-05 date=eb2026-02-05`},
		{"Procedure", span(`"start":"2020-01-05"`), `date=ge2026-01-01 date=gt2026 date=sa2019`, `date=2020 date=eb2030 date=le2019 date:missing=true`},
		{"Procedure", span(`"end":"2020-01-05"`), `date=le2019 date=lt2019 date=eb2021`, `date=2019 date=ge2021`},
		{"Procedure", span(`"start":"2026-01-05T09:00:00+01:00","end":"2026-01-05T08:30:00Z"`), `date=2026-01-05 date=eb2026-01-05T09:31:00+01:00`, `date=eb2026-01-05T09:30:00+01:00`},
		{"Procedure", when("yesterday"), `date:missing=true`, `date=ne2026 date=ge0001`},
		{"Procedure", when("2026-02-30"), `date:missing=true`, ``},
		{"ServiceRequest", `{"resourceType":"ServiceRequest","occurrenceTiming":{"event":["2026-01-05","2026-03-05"],"repeat":{"boundsPeriod":{"start":"2027"}}}}`,
			`occurrence=2026-01 occurrence=2026-03-05 occurrence=ge2030`, `occurrence=2026-02`},
	} {
		x.run(t)
	}
}

func TestQuantities(t *testing.T) {
	value := func(members string) string {
		return `{"resourceType":"Observation","valueQuantity":{` + members + `}}`
	}
	for _, x := range []table{
		{"Observation", value(`"value":5.40,"unit":"mg/dl","system":"http://unitsofmeasure.org","code":"mg/dL"`),
			`value-quantity=5.4 value-quantity=5.40 value-quantity=5 value-quantity=gt5.39 value-quantity=lt5.41 value-quantity=ge5.4 value-quantity=le5.400 value-quantity=ne5.3
			value-quantity=ap5 value-quantity=5.4|http://unitsofmeasure.org|mg/dL value-quantity=5.4||mg/dl value-quantity=5.4||mg/dL value-quantity=1,5.4 value-quantity=54e-1`,
			`value-quantity=5.41 value-quantity=5.400001 value-quantity=6 value-quantity=gt5.4 value-quantity=lt5.4 value-quantity=ne5.4 value-quantity=5.4||g
			value-quantity=5.4|urn:x|mg/dL value-quantity=-5.4 value-quantity=ap4 value-quantity:missing=true`},
		{"Observation", value(`"value":-0.5`), `value-quantity=-0.5 value-quantity=lt0 value-quantity=gt-0.51 value-quantity=lt-0.49 value-quantity=ap-0.5`, `value-quantity=0.5 value-quantity=gt0 value-quantity=lt-0.5`},
		{"Observation", value(`"value":0`), `value-quantity=0 value-quantity=0.0 value-quantity=ge0 value-quantity=-0`, `value-quantity=gt0 value-quantity=lt0`},
		// A double has none of these digits.
		{"Observation", value(`"value":9007199254740993`), `value-quantity=9007199254740993 value-quantity=gt9007199254740992`, `value-quantity=9007199254740992 value-quantity=gt9007199254740993`},
		{"Observation", value(`"value":1.0000000000000000000001`), `value-quantity=gt1 value-quantity=1.0000000000000000000001`, `value-quantity=le1`},
		{"Observation", value(`"value":1e2`), `value-quantity=100 value-quantity=99.5e0,100`, `value-quantity=lt100`},
		{"Observation", value(`"value":5,"comparator":"<"`), `value-quantity=lt5.1 value-quantity=lt1 value-quantity=le5`, `value-quantity=gt5 value-quantity=5 value-quantity=sa4`},
		{"Observation", value(`"value":5,"comparator":">"`), `value-quantity=gt100 value-quantity=ge5`, `value-quantity=lt5 value-quantity=5`},
		{"Observation", value(`"value":"5"`), `value-quantity:missing=true`, ``},
		{"Observation", value(`"value":1e9999`), `value-quantity:missing=true`, ``},
		{"Observation", `{"resourceType":"Observation","component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":120}}],"code":{"coding":[{"code":"85354-9"}]}}`,
			`component-value-quantity=120 component-code=8480-6 combo-code=85354-9,x combo-code=8480-6`, `value-quantity=120 code=8480-6`},
	} {
		x.run(t)
	}
}

func TestStrings(t *testing.T) {
	const body = `{"resourceType":"Patient","name":[{"family":"D'Hondt","given":["Zoë Anna","Marie"],"prefix":["Dr"]},{"text":"Tante Zo"}]}`
	for question, want := range map[string]bool{
		"name=dhondt": true, "name=zoe dhon": true, "name=hondt": false, "name=dr dhondt tante": true, "name=ondt": false, "family=zoe": false, "given=marie zoe": true,
		"family:exact=D'Hondt": true, "family:exact=d'hondt": false, "family:exact=D'Hond": false, "given:exact=Zoë Anna": true, "name:exact=Dr": true, "name:exact=Marie": true,
		"family=x,dhon": true, "family:missing=false": true, "given:missing=true": false,
	} {
		if got := asks(t, "Patient", body, question); got != want {
			t.Errorf("%s: %v", question, got)
		}
	}
}

func TestReferences(t *testing.T) {
	for _, x := range []table{
		{"Observation", `{"resourceType":"Observation","subject":{"reference":"Patient/p1"},"encounter":{"reference":"http://localhost:7878/fhir/Encounter/e1/_history/3"},
			"performer":[{"reference":"Practitioner/d1"},{"reference":"https://other.example/fhir/Practitioner/d2"},{"reference":"#c"},{"display":"x"}]}`,
			`patient=p1 patient=Patient/p1 subject=Patient/p1 subject:Patient=p1 subject=p1 encounter=e1 encounter=Encounter/e1 encounter=http://127.0.0.1:7878/fhir/Encounter/e1
			performer=d1 performer=Practitioner/d1 performer:Practitioner=d1 performer=https://other.example/fhir/Practitioner/d2 patient=p2,p1`,
			`patient=p2 subject=Group/p1 subject:Group=p1 encounter=Patient/e1 performer=d2 performer=Organization/d1 encounter:missing=true`},
		// Whose dossier it is in is whose it is, and the others whom it names are found too.
		{"Appointment", `{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/p1"}},{"actor":{"reference":"Patient/p2"}},{"actor":{"reference":"Practitioner/d1"}}]}`,
			`patient=p1 patient=p2 practitioner=d1 actor=Patient/p2 actor=d1`, `patient=d1 practitioner=p1 location=d1`},
		{"Flag", `{"resourceType":"Flag","subject":{"reference":"Patient/p1"}}`, `patient=p1 subject=Patient/p1`, `patient=p2`},
	} {
		x.run(t)
	}
	p, _ := fhirsearch.Lookup("Observation", "performer")
	body := []byte(`{"resourceType":"Observation","performer":[{"reference":"Practitioner/d1"},{"reference":"Organization/o1"},{"reference":"Practitioner/d1"},{"reference":"urn:x"}]}`)
	if got := fmt.Sprint(fhirsearch.References("Observation", p, "", body), fhirsearch.References("Observation", p, "Organization", body)); got != "[Practitioner/d1 Organization/o1] [Organization/o1]" {
		t.Errorf("refers to %s", got)
	}
}

// A version that nobody can open is not said to lack anything.
func TestSealed(t *testing.T) {
	sealed := fhirsearch.ValuesOf("Condition", "p1", nil)
	for question, want := range map[string]bool{
		"code:missing=true": false, "code:not=x": false, "code=x": false, "patient=p1": true, "_id=x": true, "_tag=conflict": true, "_tag:not=conflict": false,
	} {
		name, value, _ := strings.Cut(question, "=")
		c, _, err := fhirsearch.Parse("Condition", name, value, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Matches(&fhirsearch.Head{ID: "x", Conflict: true, Values: sealed}); got != want {
			t.Errorf("%s: %v", question, got)
		}
	}
}

// Every path of the table is one of a type, and every parameter can be asked for.
func TestTableIsWhole(t *testing.T) {
	for _, typ := range []string{"Patient", "Practitioner", "PractitionerRole", "Organization", "RelatedPerson", "Encounter", "EpisodeOfCare", "Condition",
		"AllergyIntolerance", "MedicationStatement", "MedicationRequest", "MedicationDispense", "Immunization", "Observation", "DiagnosticReport", "ServiceRequest",
		"Procedure", "CarePlan", "Consent", "DocumentReference", "Binary", "Appointment", "Task", "Communication", "Basic", "Goal"} {
		list := fhirsearch.Parameters(typ)
		if len(list) < 5 || typ != "Binary" && len(list) < 7 {
			t.Errorf("%s has %d parameters", typ, len(list))
		}
		for _, p := range list {
			value := map[fhirsearch.Kind]string{fhirsearch.KindDate: "2026", fhirsearch.KindQuantity: "1", fhirsearch.KindReference: "x", fhirsearch.KindString: "x", fhirsearch.KindToken: "x", fhirsearch.KindURI: "x"}[p.Kind]
			if _, known, err := fhirsearch.Parse(typ, p.Name, value, now); !known || err != nil {
				t.Errorf("%s of %s: known %v, %v", p.Name, typ, known, err)
			}
		}
	}
}

// FuzzParse: a question from outside is a condition or an error, and a condition answers.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"code=a|b,c", "date=ge2026-01", "value-quantity=gt5.4|u|c", "patient=Patient/1", "code:missing=true", "_id=a", `code=\`, "date=ap9999-12-31", "subject=http://x/y"} {
		name, value, _ := strings.Cut(seed, "=")
		f.Add(name, value)
	}
	values := fhirsearch.ValuesOf("Observation", "p1", []byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"a"}]},"effectiveDateTime":"2026-01-05","valueQuantity":{"value":5.4}}`))
	f.Fuzz(func(t *testing.T, name, value string) {
		c, known, err := fhirsearch.Parse("Observation", name, value, now)
		if err != nil || !known {
			return
		}
		matches := c.Matches(&fhirsearch.Head{ID: "x", Values: values})
		for _, way := range c.Ways() {
			if matches && way.Indexed() && len(way.Patients) == 0 && !reached(way, fhirsearch.Keys(fhirsearch.Pack([]fhirsearch.Values{values}))) {
				t.Errorf("%s=%s matches, and no way leads there", name, value)
			}
		}
	})
}

// FuzzValues: whatever a resource is, its values are read without a fault.
func FuzzValues(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Observation","code":{"coding":[{"code":"a"}]},"effectivePeriod":{"start":"2026"},"valueQuantity":{"value":-1e-3,"comparator":"<"}}`))
	f.Add([]byte(`{"resourceType":"Observation","code":[[{}]],"effectiveDateTime":{},"valueQuantity":[1],"subject":"x","performer":{"reference":""}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v := fhirsearch.ValuesOf("Observation", "p1", body)
		if keys := fhirsearch.Keys(fhirsearch.Pack([]fhirsearch.Values{v})); len(keys) > 0 && fhirjsonRefuses(body) {
			t.Errorf("%d keys of what is no resource", len(keys))
		}
		for _, values := range fhirsearch.Unpack(body) { // nor is a damaged file a fault
			fhirsearch.Keys(values)
		}
	})
}

func fhirjsonRefuses(body []byte) bool {
	return fhirjson.Visit(body, func(fhirjson.Element) {}) != nil
}

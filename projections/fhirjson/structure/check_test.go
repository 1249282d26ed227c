package structure_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// failer is a test, or a property.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// issues are what Check finds, as "code path".
func issues(t failer, body string) []string {
	t.Helper()
	err := structure.Check([]byte(body))
	if err == nil {
		return nil
	}
	var wrong *structure.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("%s\n%v", body, err)
	}
	var found []string
	for _, i := range wrong.Issues {
		if i.Text == "" || i.Path == "" {
			t.Errorf("%s\nan issue without a place or a text: %+v", body, i)
		}
		found = append(found, string(i.Code)+" "+i.Path)
	}
	return found
}

// of wraps members in a resource.
func of(typ, members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"resourceType":"` + typ + `"` + members + `}`
}

func TestGood(t *testing.T) {
	for _, body := range []string{
		of("Patient", ``),
		of("Patient", `"id":"a.B-1","meta":{"profile":["http://profile"],"tag":[{"system":"x","code":"y"}]}`),
		of("Patient", `"implicitRules":"http://x","language":"nl-BE","text":{"status":"generated","div":"<div><script>x</script></div>"}`),
		// A line that has an extension and no value, and one that has a value alone.
		of("Patient", `"name":[{"given":[null,"x"],"_given":[{"extension":[{"url":"u","valueCode":"c"}]},null]}]`),
		of("Patient", `"name":[{"given":["x","y"],"_given":[null,{"id":"a"},{"extension":[{"url":"u","valueCode":"c"}]}]}]`),
		of("Patient", `"name":[{"given":["x","y"],"_given":[{"extension":[{"url":"u","valueCode":"c"}]}]}]`),
		of("Patient", `"name":[{"_given":[{"extension":[{"url":"u","valueCode":"c"}]}]}]`),
		of("Patient", `"birthDate":"1970","_birthDate":{"extension":[{"url":"u","valueDateTime":"1970-03-30T00:00:00+02:00"}]}`),
		of("Patient", `"_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`),
		of("Patient", `"deceasedBoolean":false,"multipleBirthInteger":-0`),
		of("Patient", `"deceasedDateTime":"2024-02-29","_deceasedDateTime":{"id":"x"}`),
		of("Patient", `"extension":[{"url":"unknown","extension":[{"url":"a","valueReference":{"reference":"X/1"}}]}]`),
		of("Patient", `"extension":[{"url":"u","_valueString":{"extension":[{"url":"v","valueBoolean":true}]}}]`),
		of("Patient", `"modifierExtension":[{"url":"u","valueMoney":{"value":1.00,"currency":"EUR"}}]`),
		of("Patient", `"maritalStatus":{"coding":[{"system":"https://own","code":"any"}],"text":"open binding"}`),
		of("Patient", `"contained":[{"resourceType":"Organization","id":"o","name":"O"}],"managingOrganization":{"reference":"#o"}`),
		`{"resourceType":"Pa\u0074ient","gen\u0064er":"fem\u0061le"}`,
		// A status that nobody knows is said by an extension.
		of("Observation", `"_status":{"extension":[{"url":"u","valueCode":"unknown"}]},"code":{"text":"x"}`),
		of("Observation", `"status":"final","code":{"text":"x"},"valueQuantity":{"value":1e-9007199254740993,"unit":"mg"}`),
		of("Observation", `"status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"},"valueSampledData":{"origin":{"value":0},"period":10,"dimensions":1}}]`),
		of("Condition", `"subject":{"display":"nobody"},"clinicalStatus":{"coding":[{"system":"own","code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}`),
		of("Condition", `"subject":{"identifier":{"system":"s","value":"v"}},"clinicalStatus":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`),
		of("Bundle", `"type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","active":true}},{"resource":{"resourceType":"Bundle","type":"history"}}]`),
		of("Parameters", `"parameter":[{"name":"a","resource":{"resourceType":"Patient"}},{"name":"b","part":[{"name":"c","valueId":"x"}]}]`),
		of("Questionnaire", `"status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"1.1","type":"choice","answerOption":[{"valueCoding":{"code":"x"}}]}]}]`),
		of("Binary", `"contentType":"application/pdf","data":"QUJD"`),
		// What R4 has and the package of the definitions has in another form.
		of("DetectedIssue", `"status":"registered"`),
		of("EvidenceVariable", `"status":"draft","characteristic":[{"definitionCanonical":"http://x","usageContext":[{"code":{"code":"x"},"valueRange":{"low":{"value":1}}}]}]`),
		of("Invoice", `"status":"draft","totalPriceComponent":[{"type":"tax"}]`),
	} {
		if found := issues(t, body); found != nil {
			t.Errorf("%s\nis refused: %v", body, structure.Check([]byte(body)))
		}
	}
}

const observation = `"status":"final","code":{"text":"x"}`

// bad are resources, and what is wrong with each.
var bad = []struct {
	body string
	want []string // "code path"
}{
	// What is not there in R4.
	{of("Patient", `"foo":1`), []string{"structure Patient.foo"}},
	{of("Patient", `"name":[{"family":"x"},{"famly":"x"}]`), []string{"structure Patient.name[1].famly"}},
	{of("Patient", `"a b":1,"_foo":{"id":"x"},"_":1,"":2`), []string{"structure Patient.`a b`", "structure Patient._foo", "structure Patient._", "structure Patient.``"}},
	{of("Patient", `"_name":[{"id":"x"}]`), []string{"structure Patient._name"}},
	{of("Patient", `"fhir_comments":["x"]`), []string{"structure Patient.fhir_comments"}},
	{of("Patient", `"name":[{"resourceType":"HumanName","family":"x"}]`), []string{"structure Patient.name[0].resourceType"}},
	{of("Patient", `"meta":{"project":"x"}`), []string{"structure Patient.meta.project"}},
	{of("Binary", `"contentType":"x/y","url":"http://x"`), []string{"structure Binary.url"}},
	{of("SubscriptionStatus", ``), []string{"value Resource.resourceType"}},
	{of("ResearchStudy", `"status":"active","label":[{"value":"R5"}]`), []string{"structure ResearchStudy.label"}},
	{of("Project", ``), []string{"value Resource.resourceType"}},
	{of("DomainResource", ``), []string{"value Resource.resourceType"}},
	{of("Patient", `"extension":[{"url":"u","valueInteger64":"1"}]`), []string{"structure Patient.extension[0].valueInteger64", "invariant Patient.extension[0]"}},
	{of("Patient", `"deceased":true`), []string{"structure Patient.deceased"}},
	{of("Patient", `"deceasedString":"yes"`), []string{"structure Patient.deceasedString"}},

	// How often.
	{of("Observation", ``), []string{"required Observation.code", "required Observation.status"}},
	{of("Observation", observation+`,"component":[{"valueString":"x"}]`), []string{"required Observation.component[0].code"}},
	{of("MedicationStatement", `"status":"active","subject":{"reference":"Patient/1"}`), []string{"required MedicationStatement.medication"}},
	{of("Patient", `"extension":[{"valueString":"x"}]`), []string{"required Patient.extension[0].url"}},
	{of("Patient", `"name":{"family":"x"}`), []string{"structure Patient.name"}},
	{of("Patient", `"gender":["female"]`), []string{"structure Patient.gender"}},
	{of("Patient", `"maritalStatus":[{"text":"x"}]`), []string{"structure Patient.maritalStatus"}},
	{of("Patient", `"name":[{"given":"x"}]`), []string{"structure Patient.name[0].given"}},
	{of("Patient", `"name":[[{"family":"x"}]]`), []string{"structure Patient.name[0]"}},

	// Choices.
	{of("Observation", observation+`,"valueString":"x","valueInteger":1`), []string{"structure Observation.value"}},
	{of("Observation", observation+`,"valueString":"x","_valueInteger":{"id":"x"}`), []string{"structure Observation.value"}},
	{of("Patient", `"extension":[{"url":"u","valueString":"x","valueCode":"x","valueInteger":1}]`),
		[]string{"structure Patient.extension[0].value", "structure Patient.extension[0].value"}},

	// Nothing where something should be.
	{of("Patient", `"name":[]`), []string{"structure Patient.name"}},
	{of("Patient", `"name":[{}]`), []string{"structure Patient.name[0]"}},
	{of("Patient", `"name":[null]`), []string{"structure Patient.name[0]"}},
	{of("Patient", `"name":null,"gender":null`), []string{"structure Patient.name", "structure Patient.gender"}},
	{of("Patient", `"name":[{"family":""}]`), []string{"value Patient.name[0].family"}},
	{of("Patient", `"name":[{"given":[]}]`), []string{"structure Patient.name[0].given"}},
	{of("Patient", `"name":[{"given":["x",null]}]`), []string{"structure Patient.name[0].given[1]"}},
	{of("Patient", `"name":[{"given":[null,"x"],"_given":[null,{"id":"a"}]}]`), []string{"structure Patient.name[0].given[0]"}},
	{of("Patient", `"name":[{"given":[null]}]`), []string{"structure Patient.name[0].given[0]"}},
	{of("Patient", `"name":[{"_given":[null]}]`), []string{"structure Patient.name[0].given[0]"}},
	{of("Patient", `"name":[{"given":["x"],"_given":[]}]`), []string{"structure Patient.name[0].given"}},
	{of("Patient", `"name":[{"given":["x"],"_given":[{}]}]`), []string{"structure Patient.name[0].given[0]"}},
	{of("Patient", `"name":[{"given":["x"],"_given":{"id":"x"}}]`), []string{"structure Patient.name[0].given"}},
	{of("Patient", `"name":[{"given":["x"],"_given":["y"]}]`), []string{"structure Patient.name[0].given[0]"}},
	{of("Patient", `"_birthDate":[{"id":"x"}]`), []string{"structure Patient.birthDate"}},
	{of("Patient", `"_birthDate":null`), []string{"structure Patient.birthDate"}},
	{of("Patient", `"_birthDate":{"extension":[{"url":"u","valueDate":"x"}]}`), []string{"value Patient.birthDate.extension[0].value"}},
	{of("Patient", `"_birthDate":{"value":1}`), []string{"structure Patient.birthDate.value"}},
	{of("Patient", `"_birthDate":{"id":"x"}`), []string{"invariant Patient.birthDate"}},
	{of("Patient", `"birthDate":"1970","_birthDate":{}`), []string{"structure Patient.birthDate"}},

	// Values of another shape.
	{of("Patient", `"name":["x"]`), []string{"structure Patient.name[0]"}},
	{of("Patient", `"maritalStatus":"married"`), []string{"structure Patient.maritalStatus"}},
	{of("Patient", `"active":"true"`), []string{"value Patient.active"}},
	{of("Patient", `"active":{"x":1}`), []string{"value Patient.active"}},
	{of("Patient", `"birthDate":19700330`), []string{"value Patient.birthDate"}},
	{of("Patient", `"birthDate":"2023-02-30"`), []string{"value Patient.birthDate"}},
	{of("Patient", `"id":"a_b"`), []string{"value Patient.id"}},
	{of("Observation", observation+`,"valueQuantity":{"value":"1.0"}`), []string{"value Observation.value.value"}},
	{of("Binary", `"contentType":"text/plain","data":"QUJ"`), []string{"value Binary.data"}},

	// Required codes.
	{of("Patient", `"gender":"F"`), []string{"code-invalid Patient.gender"}},
	{of("Patient", `"gender":"Female"`), []string{"code-invalid Patient.gender"}},
	{of("Observation", `"status":"done","code":{"text":"x"}`), []string{"code-invalid Observation.status"}},
	{of("Patient", `"telecom":[{"system":"phone"},{"system":"mobile"}]`), []string{"code-invalid Patient.telecom[1].system"}},
	{of("AllergyIntolerance", `"patient":{"reference":"Patient/1"},"category":["food","pollen"]`), []string{"code-invalid AllergyIntolerance.category[1]"}},
	{of("DetectedIssue", `"status":"mitigated"`), []string{"code-invalid DetectedIssue.status"}}, // of R5
	{of("Condition", `"subject":{"reference":"Patient/1"},"clinicalStatus":{"text":"active"}`), []string{"code-invalid Condition.clinicalStatus.coding"}},
	{of("Condition", `"subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"code":"active"}]}`), []string{"code-invalid Condition.clinicalStatus.coding"}},
	{of("Condition", `"subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"Active"}]}`),
		[]string{"code-invalid Condition.clinicalStatus.coding"}},

	// Rules.
	{of("Patient", `"extension":[{"url":"u"}]`), []string{"invariant Patient.extension[0]"}},
	{of("Patient", `"extension":[{"url":"u","valueString":"x","extension":[{"url":"v","valueString":"y"}]}]`), []string{"invariant Patient.extension[0]"}},
	{of("Patient", `"maritalStatus":{"id":"x"}`), []string{"invariant Patient.maritalStatus"}},

	// Resources in others.
	{of("Patient", `"contained":[{"resourceType":"Organization","id":"o","nme":"O"}]`), []string{"structure Patient.contained[0].nme"}},
	{of("Patient", `"contained":[{"id":"o"}]`), []string{"required Patient.contained[0].resourceType"}},
	{of("Patient", `"contained":["x"]`), []string{"structure Patient.contained[0]"}},
	{of("Patient", `"contained":[{"resourceType":"Organization","contained":[{"resourceType":"Patient"}]}]`), []string{"invariant Patient.contained[0].contained"}},
	{of("Bundle", `"type":"collection","entry":[{},{"resource":{"resourceType":"Foo"}},{"resource":{"resourceType":"Observation","status":"final"}}]`),
		[]string{"structure Bundle.entry[0]", "value Bundle.entry[1].resource.resourceType", "required Bundle.entry[2].resource.code"}},
	{of("Parameters", `"parameter":[{"name":"a","part":[{"name":"b","resource":{"resourceType":"Patient","birthDate":"1970-13"}}]}]`),
		[]string{"value Parameters.parameter[0].part[0].resource.birthDate"}},
}

func TestBad(t *testing.T) {
	for _, c := range bad {
		found := issues(t, c.body)
		if !slices.Equal(found, c.want) {
			t.Errorf("%s\nfound %q\nwant  %q", c.body, found, c.want)
		}
	}
}

// What a text says is what a person acts on; some are held here word for word.
func TestTexts(t *testing.T) {
	for body, want := range map[string]string{
		of("Patient", `"gender":"F"`):             `Patient.gender: "F" is none of the codes that can stand here: female, male, other, unknown`,
		of("Patient", `"birthDate":"2023-02-30"`): `Patient.birthDate: "2023-02-30" is no date: want a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD`,
		of("Patient", `"ssn":"1"`):                `Patient.ssn: Patient has no element ssn in FHIR R4: what a profile adds stands in an extension`,
		of("Immunization", `"status":"completed","vaccineCode":{"text":"x"},"patient":{"reference":"Patient/1"}`): `Immunization.occurrence: it is required: give one of occurrenceDateTime, occurrenceString`,
		of("Patient", `"a":1,"b":1,"c":1,"d":1`): "Patient.a: Patient has no element a in FHIR R4: what a profile adds stands in an extension; " +
			"Patient.b: Patient has no element b in FHIR R4: what a profile adds stands in an extension; " +
			"Patient.c: Patient has no element c in FHIR R4: what a profile adds stands in an extension; and 1 more",
	} {
		if err := structure.Check([]byte(body)); err == nil || err.Error() != want {
			t.Errorf("%s\nsays %v\nwant %s", body, err, want)
		}
	}
}

func TestIssuesAreBounded(t *testing.T) {
	for n := range 3 {
		n += structure.MaxIssues - 1
		body := of("Patient", `"name":[`+strings.TrimSuffix(strings.Repeat(`{"x":1},`, n), ",")+`]`)
		var wrong *structure.Error
		if err := structure.Check([]byte(body)); !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		if len(wrong.Issues) != min(n, structure.MaxIssues) || wrong.More != (n > structure.MaxIssues) {
			t.Errorf("of %d issues %d are told, more: %v", n, len(wrong.Issues), wrong.More)
		}
	}
}

// What cannot be read is told as fhirjson tells it.
func TestUnreadable(t *testing.T) {
	for _, body := range []string{``, `[]`, `{`, `{}`, `{"resourceType":"Patient","id":"a","id":"b"}`, `{"resourceType":"Patient","id":1}`} {
		var unreadable *fhirjson.Error
		if err := structure.Check([]byte(body)); !errors.As(err, &unreadable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The record that a desk writes of itself is R4 as well.
func TestOwnDevice(t *testing.T) {
	body := fhirjson.DeviceResource("d1", fhirjson.DeviceKey{Name: "Front desk", Public: make([]byte, 32), Login: "U1", Certificate: make([]byte, 64), Ends: []events.Chain{{Counter: 8}}})
	if err := structure.Check(body); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

func TestTypes(t *testing.T) {
	types := structure.Types()
	if len(types) != 146 || !slices.IsSorted(types) {
		t.Errorf("%d types: %v", len(types), types)
	}
	for _, name := range types {
		if !structure.IsType(name) {
			t.Errorf("%s is none", name)
		}
	}
	for _, name := range []string{"", "Resource", "DomainResource", "HumanName", "Patient.contact", "string", "SubscriptionStatus", "patient"} {
		if structure.IsType(name) {
			t.Errorf("%q is one", name)
		}
	}
}

// Every type of the table can be read, and by many at once.
func TestTableIsWhole(t *testing.T) {
	if n := structure.LoadAll(); n < 680 {
		t.Errorf("%d types", n)
	}
	if n := structure.Size(); n > 100<<10 {
		t.Errorf("the table has %d bytes: it should stay under 100 KB", n)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, name := range structure.Types() {
				_ = structure.Check([]byte(of(name, `"x":1`)))
			}
		})
	}
	all.Wait()
}

// A null in each of many places costs no more than the place.
func TestManyPlaceholders(t *testing.T) {
	const n = 100_000
	given := strings.TrimSuffix(strings.Repeat(`null,`, n), ",")
	beside := strings.TrimSuffix(strings.Repeat(`{"id":"x"},`, n), ",")
	body := of("Patient", fmt.Sprintf(`"name":[{"given":[%s],"_given":[%s]}]`, given, beside))
	var wrong *structure.Error
	if err := structure.Check([]byte(body)); !errors.As(err, &wrong) || wrong.Issues[0].Code != structure.CodeInvariant {
		t.Errorf("an id alone is no content: %v", err)
	}
	body = strings.ReplaceAll(body, `{"id":"x"}`, `{"extension":[{"url":"u","valueCode":"c"}]}`)
	if err := structure.Check([]byte(body)); err != nil {
		t.Error(err)
	}
}

// A reference names a record of a type that can stand there; what names no type of R4 passes.
func TestTargetsOfReferences(t *testing.T) {
	condition := func(members string) string { return of("Condition", `"subject":{"reference":"Patient/1"},`+members) }
	for body, want := range map[string]string{
		of("Condition", `"subject":{"reference":"Practitioner/x"}`):                                                                        "value Condition.subject.reference",
		condition(`"encounter":{"reference":"Patient/1"}`):                                                                                 "value Condition.encounter.reference",
		condition(`"encounter":{"reference":"Patient/1/_history/2"}`):                                                                      "value Condition.encounter.reference",
		condition(`"encounter":{"reference":"https://other.example/fhir/Patient/1"}`):                                                      "value Condition.encounter.reference",
		condition(`"recorder":{"reference":"Organization?identifier=a|Practitioner/1"}`):                                                   "value Condition.recorder.reference",
		condition(`"evidence":[{"detail":[{"reference":"Patient/1"}]}]`):                                                                   "",
		condition(`"encounter":{"reference":"Encounter/1/_history/2"},"recorder":{"reference":"PractitionerRole/1"}`):                      "",
		condition(`"encounter":{"reference":"urn:uuid:0f1e"},"recorder":{"reference":"#a"},"asserter":{"display":"x"}`):                    "",
		condition(`"encounter":{"reference":"https://other.example/visits/1"},"asserter":{"identifier":{"value":"7"}}`):                    "",
		of("MedicationStatement", `"status":"active","subject":{"reference":"Group/g"},"medicationReference":{"reference":"Substance/1"}`): "value MedicationStatement.medication.reference",
		of("Patient", `"generalPractitioner":[{"reference":"Organization/1"},{"reference":"Patient/1"}]`):                                  "value Patient.generalPractitioner[1].reference",
		of("Patient", `"extension":[{"url":"u","valueReference":{"reference":"Condition/1"}}]`):                                            "",
	} {
		if got := strings.Join(issues(t, body), " "); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

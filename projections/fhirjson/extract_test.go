package fhirjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func TestPatientOf(t *testing.T) {
	for name, row := range map[string]struct {
		body, want string
		wantErr    bool
	}{
		"itself":             {`{"resourceType":"Patient","id":"p1"}`, "p1", false},
		"itself, no id":      {`{"resourceType":"Patient"}`, "", true},
		"subject":            {`{"resourceType":"Condition","subject":{"reference":"Patient/p1"}}`, "p1", false},
		"patient":            {`{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/p1"}}`, "p1", false},
		"a version":          {`{"resourceType":"Condition","subject":{"reference":"Patient/p1/_history/3"}}`, "p1", false},
		"for":                {`{"resourceType":"Task","for":{"reference":"Patient/p1"}}`, "p1", false},
		"beneficiary":        {`{"resourceType":"Coverage","beneficiary":{"reference":"Patient/p1"}}`, "p1", false},
		"in a list":          {`{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner/a"}},{"actor":{"reference":"Patient/p1"}}]}`, "p1", false},
		"of a list":          {`{"resourceType":"Account","subject":[{"reference":"Patient/p1"}]}`, "p1", false},
		"implanted":          {`{"resourceType":"Device","patient":{"reference":"Patient/p1"}}`, "p1", false},
		"newer type":         {`{"resourceType":"Whatever","subject":{"reference":"Patient/p1"}}`, "p1", false},
		"practice's own":     {`{"resourceType":"Practitioner","id":"a"}`, "", false},
		"of a group":         {`{"resourceType":"Observation","subject":{"reference":"Group/g"}}`, "", false},
		"contained":          {`{"resourceType":"Observation","subject":{"reference":"#p"}}`, "", false},
		"by number only":     {`{"resourceType":"Observation","subject":{"identifier":{"value":"1"}}}`, "", false},
		"odd shape":          {`{"resourceType":"Observation","subject":"Patient/p1"}`, "", false},
		"unresolved":         {`{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"}}`, "", true},
		"elsewhere":          {`{"resourceType":"Observation","subject":{"reference":"https://other/fhir/Patient/p1"}}`, "", false},
		"this desk":          {`{"resourceType":"Observation","subject":{"reference":"http://127.0.0.1:7878/fhir/Patient/p1"}}`, "p1", false},
		"localhost":          {`{"resourceType":"Observation","subject":{"reference":"http://localhost:1/fhir/Patient/p1/_history/2"}}`, "p1", false},
		"not quite a desk":   {`{"resourceType":"Observation","subject":{"reference":"http://127.0.0.1.evil/fhir/Patient/p1"}}`, "", false},
		"a device elsewhere": {`{"resourceType":"Observation","subject":{"reference":"https://other/fhir/Device/d"}}`, "", false},
		"no id":              {`{"resourceType":"Observation","subject":{"reference":"Patient/a/b"}}`, "", true},
		"no JSON":            {`{`, "", true},
		"of a type by query": {`{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner?identifier=1"}}]}`, "", false},
	} {
		got, err := fhirjson.PatientOf([]byte(row.body), structure.IsType)
		if got != row.want || (err != nil) != row.wantErr {
			t.Errorf("%s: got %q, %v; want %q, error %v", name, got, err, row.want, row.wantErr)
		}
	}
}

// What is nearly the reference to a patient is said to be wrong, and no other is.
func TestPatientOfTakesNothingThatIsNearlyRight(t *testing.T) {
	of := func(reference string) error {
		_, err := fhirjson.PatientOf(fmt.Appendf(nil, `{"resourceType":"AllergyIntolerance","patient":{"reference":%q}}`, reference), structure.IsType)
		return err
	}
	for _, reference := range []string{
		"/Patient/p1", "patient/p1", "PATIENT/p1", "p1", "fhir/Patient/p1", `Patient\p1`, "./Patient/p1", "../Patient/p1", "Patient", "Patient/", "",
		" Patient/p1", "Patient/p1 ", "Patient/p1/", "Patient/p1#x", "Patient/p1?x=1", "Patient/p1/_history", "Patient?identifier=1", "patient?identifier=1",
		"/Group/g", "Patients/p1", "Patients/p1/_history/1", "Persoon?identifier=1", "Group/", "Group/a/b", "http://127.0.0.1:1/Patient/p1", "http://localhost/fhir/patient/p1", "Patient:p1", "http://localhost/", "http://127.0.0.1:1/fhir/Patient?identifier=1",
	} {
		var wrong *fhirjson.Error
		if err := of(reference); !errors.As(err, &wrong) || wrong.Path != "AllergyIntolerance.patient" || !strings.Contains(wrong.Reason, "Patient/<id>") {
			t.Errorf("%q: %v", reference, err)
		}
	}
	for _, reference := range []string{"Patient/p1", "Patient/p1/_history/1", "Group/g", "#p", "https://other/fhir/Patient/p1", "HTTPS://other/Patient?x", "Group?identifier=1"} {
		if err := of(reference); err != nil {
			t.Errorf("%q: %v", reference, err)
		}
	}
}

func TestAstray(t *testing.T) {
	for body, want := range map[string]string{
		`{"resourceType":"Observation","subject":{"reference":"https://other/fhir/Patient/p1"}}`:             "Observation.subject",
		`{"resourceType":"Observation","subject":{"reference":"https://other/fhir/Patient/p1/_history/1"}}`:  "Observation.subject",
		`{"resourceType":"Observation","subject":{"identifier":{"value":"1"}}}`:                              "Observation.subject",
		`{"resourceType":"Observation","subject":{"type":"Patient","identifier":{"value":"1"}}}`:             "Observation.subject",
		`{"resourceType":"Observation","subject":{"type":"Group","identifier":{"value":"1"}}}`:               "",
		`{"resourceType":"Observation","subject":{"reference":"#p"}}`:                                        "Observation.subject",
		`{"resourceType":"Observation","subject":{"reference":"Group/g"}}`:                                   "",
		`{"resourceType":"Observation","subject":{"reference":"Group?identifier=1"}}`:                        "",
		`{"resourceType":"Observation","subject":{"reference":"https://other/fhir/Group/g"}}`:                "",
		`{"resourceType":"Observation","subject":"odd"}`:                                                     "",
		`{"resourceType":"Observation"}`:                                                                     "",
		`{"resourceType":"Patient","id":"p1"}`:                                                               "",
		`{"resourceType":"Appointment","participant":[{"actor":{"identifier":{"value":"1"}}}]}`:              "",
		`{"resourceType":"Appointment","participant":[{"actor":{"type":"Patient","display":"A"}}]}`:          "Appointment.participant.actor",
		`{"resourceType":"Appointment","participant":[{"actor":{"reference":"https://o/fhir/Patient/p1"}}]}`: "Appointment.participant.actor",
		`{"resourceType":"Schedule","actor":[{"reference":"https://o/fhir/Practitioner/a"}]}`:                "",
		`{`: "",
	} {
		if got := fhirjson.Astray([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestIndexOf(t *testing.T) {
	got, err := fhirjson.IndexOf([]byte(`{"resourceType":"Patient",
		"identifier":[{"system":"s","value":"2"},{"system":"s","value":"1"},{"system":"s","value":"2"},{"system":"none"}],
		"name":[{"use":"official","text":"Mme. Zoë D’Hondt","family":"D'Hondt","given":["Zoë","Anne-Marie"],"prefix":["Mme."]},{"family":"Van der Linden"}],
		"contact":[{"name":{"family":"Other"}}],"birthDate":"1985-07","_birthDate":{"id":"a"}}`))
	want := fhirjson.Index{
		Names:       []string{"anne", "der", "dhondt", "linden", "marie", "mme", "van", "zoe"},
		Family:      []string{"der", "dhondt", "linden", "van"},
		Given:       []string{"anne", "marie", "zoe"},
		Label:       "D'Hondt Zoë Anne-Marie",
		BirthDate:   "1985-07",
		Identifiers: []fhirjson.Identifier{{"s", "1"}, {"s", "2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got) %v\n%s", err, diff)
	}
	got, err = fhirjson.IndexOf([]byte(`{"resourceType":"Organization","name":"Huisartsen Élan","alias":["HE"],"identifier":1,"birthDate":2}`))
	if diff := cmp.Diff(fhirjson.Index{Names: []string{"elan", "he", "huisartsen"}, Label: "Huisartsen Élan"}, got); diff != "" || err != nil {
		t.Errorf("(-want +got) %v\n%s", err, diff)
	}
}

// TestHostileIndex guards against a record that would hold up every device that reads it.
func TestHostileIndex(t *testing.T) {
	var b strings.Builder
	for i := range 400_000 {
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26)) + " ")
	}
	x, err := fhirjson.IndexOf([]byte(`{"resourceType":"Organization","name":"` + b.String() + `"}`))
	if err != nil || len(x.Names) != 400_000 {
		t.Errorf("got %d words, %v", len(x.Names), err)
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"  Jan\tPEETERS ":  "jan peeters",
		"D'Hondt":          "dhondt",
		"D’Hondt":          "dhondt",
		"Müller-Łukasz":    "muller lukasz",
		"Mu\u0308ller":     "muller",
		"Straße Œuvre Ærø": "strasse oeuvre aero",
		"İstanbul":         "istanbul",
		"ΣΊΣΥΦΟΣ Σίσυφος":  "σισυφοσ σισυφοσ",
		"Иванов":           "иванов",
		"ﬁn ２":             "fin 2",
		"(Van) den. Berg,": "van den berg",
		"王 小明":             "王 小明",
	} {
		if got := fhirjson.Fold(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got := fhirjson.Fold(fhirjson.Fold(in)); got != want {
			t.Errorf("%q folded twice: got %q, want %q", in, got, want)
		}
	}
}

func TestDevice(t *testing.T) {
	for _, want := range []fhirjson.DeviceKey{
		{Public: bytes.Repeat([]byte{1}, 32), Certificate: bytes.Repeat([]byte{2}, 64), Name: `Desk "1" 😀`, Active: true},
		{Public: bytes.Repeat([]byte{3}, 32)},
		{Public: bytes.Repeat([]byte{3}, 32), Login: "U1", Ends: []events.Chain{{Counter: 8, Previous: events.Digest{1, 0xfe}}, {Counter: 5}}},
	} {
		body := fhirjson.DeviceResource("desk-1", want)
		if head, err := fhirjson.Check(body); err != nil || head != (fhirjson.Head{ResourceType: "Device", ID: "desk-1"}) {
			t.Errorf("%s: %v, %v", body, head, err)
		}
		got, err := fhirjson.DeviceOf(body)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("(-want +got) %v\n%s", err, diff)
		}
	}
	// The form of an end is for ever, as that of the chain of an event.
	one := fhirjson.DeviceKey{Public: make([]byte, 32), Ends: []events.Chain{{Counter: 8, Previous: events.Digest{1, 0xfe}}}}
	golden := `{"url":"https://carelog.eu/fhir/StructureDefinition/device-end","valueString":"8.01fe` + strings.Repeat("0", 60) + `"}`
	body := string(fhirjson.DeviceResource("d", one))
	if !strings.Contains(body, golden) {
		t.Errorf("%s has not %s", body, golden)
	}
	// One that a newer carelog writes in another way is passed over: the revocation counts.
	newer := strings.Replace(body, golden, `{"url":"https://carelog.eu/fhir/StructureDefinition/device-end","valueString":"v2"},`+golden, 1)
	if got, err := fhirjson.DeviceOf([]byte(newer)); err != nil || cmp.Diff(one, got) != "" {
		t.Errorf("%v (-want +got)\n%s", err, cmp.Diff(one, got))
	}
	many := one
	many.Ends = slices.Repeat(one.Ends, fhirjson.MaxDeviceEnds+1)
	if got, err := fhirjson.DeviceOf(fhirjson.DeviceResource("d", many)); err != nil || len(got.Ends) != fhirjson.MaxDeviceEnds {
		t.Errorf("%d ends, %v", len(got.Ends), err)
	}
	for name, body := range map[string]string{
		"another type": strings.Replace(string(fhirjson.DeviceResource("d", fhirjson.DeviceKey{Public: make([]byte, 32)})), `"Device"`, `"Basic"`, 1),
		"a pacemaker":  `{"resourceType":"Device","extension":[{"url":"x"}]}`,
		"no extension": `{"resourceType":"Device"}`,
	} {
		if _, err := fhirjson.DeviceOf([]byte(body)); !errors.Is(err, fhirjson.ErrNoDeviceKey) {
			t.Errorf("%s: got %v, want ErrNoDeviceKey", name, err)
		}
	}
	var e *fhirjson.Error
	if _, err := fhirjson.DeviceOf(fhirjson.DeviceResource("d", fhirjson.DeviceKey{Public: make([]byte, 31)})); !errors.As(err, &e) {
		t.Errorf("a key of 31 bytes: got %v, want an *Error", err)
	}
}

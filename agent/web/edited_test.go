package web_test

import (
	"strings"
	"testing"
)

const (
	unknown = `"extension": [ {"url":"urn:x","valueDecimal":1.00}, {"url":"urn:y","extension":[{"url":"z","valueString":"é \u00e9"}]} ],  "language":"nl"`
	oldText = "T3VkZSB0ZWtzdA==" // Oude tekst
)

// edits are registrations, what is typed into the form of each, and what of it is something else then.
var edits = map[string]struct {
	body   string
	fill   map[string]string
	change []string // old and new, in pairs
}{
	"AllergyIntolerance/e": {
		`"patient":{"reference":"Patient/p7"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"criticality":"low","code":{"coding":[{"system":"urn:c","code":"1.0"}],"text":"Latex"},"reaction":[{"severity":"mild","manifestation":[{"text":"Rash"}]},{"manifestation":[{"text":"Other"}]}],"note":[{"text":"first","time":"2020-01-01T10:00:00.000+01:00"}]`,
		map[string]string{"criticality": "high", "remark": "Seen twice"},
		[]string{`"criticality":"low"`, `"criticality":"high"`, `"text":"first"`, `"text":"Seen twice"`},
	},
	"Immunization/e": {
		`"status":"completed","patient":{"reference":"Patient/p7"},"vaccineCode":{"coding":[{"system":"urn:v","code":"7"}],"text":"Tetanus"},"occurrenceDateTime":"2020-02-03","lotNumber":"A1","doseQuantity":{"value":0.50,"unit":"ml"}`,
		map[string]string{"lot": "B22"},
		[]string{`"lotNumber":"A1"`, `"lotNumber":"B22"`},
	},
	"DocumentReference/e": {
		`"status":"current","type":{"text":"Note"},"subject":{"reference":"Patient/p7"},"date":"2026-11-01T10:00:00.00+01:00","description":"Visit","content":[{"attachment":{"contentType":"text/plain","data":"` + oldText + `","title":"kept"},"format":{"code":"f"}}]`,
		map[string]string{"text": "Nieuwe tekst"},
		[]string{oldText, "TmlldXdlIHRla3N0"},
	},
	"Observation/e": {
		`"status":"final","code":{"coding":[{"system":"urn:o","code":"w"}],"text":"Weight"},"subject":{"reference":"Patient/p7"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":81.0,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"},"referenceRange":[{"low":{"value":60.00}}]`,
		map[string]string{"value": "82,50"},
		[]string{`"value":81.0`, `"value":82.50`},
	},
	"Observation/read": {
		`"status":"final","code":{"text":"Potassium"},"subject":{"reference":"Patient/p7"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":6.8,"unit":"mmol/l"},"interpretation":[{"coding":[{"code":"HH"}]}],"referenceRange":[{"high":{"value":5.00}}]`,
		map[string]string{"value": "4,8"},
		[]string{`"value":6.8`, `"value":4.8`, `,"interpretation":[{"coding":[{"code":"HH"}]}]`, ``},
	},
	"Observation/pressure": {
		`"status":"final","code":{"text":"Pressure"},"subject":{"reference":"Patient/p7"},"effectiveDateTime":"2026-11-01","interpretation":[{"text":"high"}],"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":174,"unit":"mmHg"},"interpretation":[{"text":"too high"}]},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":101,"unit":"mmHg"}}]`,
		map[string]string{"value": "128/80"},
		[]string{`"value":174`, `"value":128`, `"value":101`, `"value":80`, `"interpretation":[{"text":"high"}],`, ``, `,"interpretation":[{"text":"too high"}]`, ``},
	},
	"Condition/e": {
		`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"urn:p","code":"9"}],"text":"Gout"},"subject":{"reference":"Patient/p7"},"onsetDateTime":"2019-01","severity":{"text":"mild"}`,
		map[string]string{"since": "03/2018"},
		[]string{`"onsetDateTime":"2019-01"`, `"onsetDateTime":"2018-03"`},
	},
	"Condition/over": {
		`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Shingles"},"subject":{"reference":"Patient/p7"},"onsetDateTime":"2025-11","abatementString":"in spring"`,
		map[string]string{"clinical": "resolved", "end": "03/2026"},
		[]string{`"code":"active"`, `"code":"resolved"`, `,"abatementString":"in spring"`, `,"abatementDateTime":"2026-03"`},
	},
	"Condition/back": {
		`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Sciatica"},"subject":{"reference":"Patient/p7"}, "abatementDateTime":"2024","severity":{"text":"mild"}`,
		map[string]string{"clinical": "recurrence", "end": ""},
		[]string{`"code":"active"`, `"code":"recurrence"`, `, "abatementDateTime":"2024"`, ``},
	},
	"MedicationStatement/e": {
		`"status":"active","medicationCodeableConcept":{"text":"Allopurinol 100 mg"},"subject":{"reference":"Patient/p7"},"effectivePeriod":{"start":"2020-01-01","end":"2030-01-01"},"dosage":[{"text":"1 a day","doseAndRate":[{"doseQuantity":{"value":1.00}}]}],"note":[{"text":"from hospital"}]`,
		map[string]string{"start": "02/01/2020", "remark": "from the hospital"},
		[]string{`"start":"2020-01-01"`, `"start":"2020-01-02"`, `"text":"from hospital"`, `"text":"from the hospital"`},
	},
	"MedicationStatement/stopped": {
		`"status":"active","medicationCodeableConcept":{"text":"Prednisolone 5 mg"},"subject":{"reference":"Patient/p7"},"effectivePeriod":{"start":"2020-01-01T10:00:00.00+01:00"},"dosage":[{"text":"1 a day","doseAndRate":[{"doseQuantity":{"value":1.00}}]}]`,
		map[string]string{"taking": "stopped", "end": "03/2026"},
		[]string{`"status":"active"`, `"status":"stopped"`, `+01:00"}`, `+01:00","end":"2026-03"}`},
	},
	"MedicationStatement/goeson": {
		`"status":"active","medicationCodeableConcept":{"text":"Prednisolone 10 mg"},"subject":{"reference":"Patient/p7"},"effectivePeriod":{"start":"2020-01-01", "end":"2026-03-04"}`,
		map[string]string{"end": ""},
		[]string{`, "end":"2026-03-04"`, ``},
	},
}

// Each kind of registration is changed in its form, and only that: what is stored is what was there, byte for
// byte, but for the members that were typed. Elements that no form knows stay, with their digits and their blanks.
func TestAChangeTouchesNothingElse(t *testing.T) {
	d := newDesk(t)
	morning(d)
	b := openBrowser(t, d)
	for record, c := range edits {
		typ, id, _ := strings.Cut(record, "/")
		was := `{"resourceType":"` + typ + `","id":"` + id + `", ` + unknown + `,` + c.body + `}`
		d.arrives(record, "p7", "dr-2", was)
		b.visit("/patients/p7")
		b.click("[data-record='"+record+"'] button", "Edit")
		for field, value := range c.fill {
			b.fill(field, value)
		}
		save(b)
		b.until(`!document.querySelector(".form")`, "the form to be done") // while it is saved its button says so
		if want, got := strings.NewReplacer(c.change...).Replace(was), shown(t, d, record); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", record, got, want)
		}
	}

	// The person as well, of whom the form knows one name and one number of several.
	was := strings.Replace(shown(t, d, "Patient/p7"), `"resourceType":"Patient"`, `"resourceType":"Patient", `+unknown+`,"telecom":[{"system":"phone","value":"02 555 01 23"}],"address":[{"city":"Gent","line":["Veldstraat 1.00"]}]`, 1)
	d.arrives("Patient/p7", "p7", "dr-2", was, shownID(t, d, "Patient/p7"))
	b.visit("/patients/p7")
	b.click(".dossier-head button", "Edit")
	b.fill("given", "Johan")
	save(b)
	b.see("h1", "Johan Janssens")
	b.until(`!document.querySelector(".form")`, "the form to be done") // while it is saved its button says so
	if want, got := strings.Replace(was, `["Jan"]`, `["Johan"]`, 1), shown(t, d, "Patient/p7"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

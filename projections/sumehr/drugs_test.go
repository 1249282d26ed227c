package sumehr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/projections/sumehr"
)

const (
	drug     = `"medicationCodeableConcept":{"coding":[` + cnk + `,` + atc + `],"text":"Coversyl 4 mg"}`
	contents = `<content><text L="nl">Coversyl 4 mg</text></content><content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="2010-07">1467000</intendedcd><intendedname>Coversyl 4 mg</intendedname></medicinalproduct></content><content><cd S="CD-ATC" SV="1.0">N02BE01</cd></content>`
)

// What is taken goes in; what is over, or only was prescribed, does not.
func TestWhichDrugs(t *testing.T) {
	for name, c := range map[string]struct {
		kind, rest string
		in         bool
	}{
		"statement active":                     {"MedicationStatement", `"status":"active",` + drug, true},
		"statement of the Belgian line":        {"MedicationStatement", `"status":"unknown",` + drug + `,"effectivePeriod":{"start":"2020"}`, true},
		"statement stopped":                    {"MedicationStatement", `"status":"stopped",` + drug, false},
		"statement completed":                  {"MedicationStatement", `"status":"completed",` + drug, false},
		"statement entered in error":           {"MedicationStatement", `"status":"entered-in-error",` + drug, false},
		"statement that ended":                 {"MedicationStatement", `"status":"active",` + drug + `,"effectivePeriod":{"end":"2026-11-19"}`, false},
		"statement that ends today":            {"MedicationStatement", `"status":"active",` + drug + `,"effectivePeriod":{"end":"2026-11-20"}`, true},
		"statement that ends this month":       {"MedicationStatement", `"status":"active",` + drug + `,"effectivePeriod":{"end":"2026-11"}`, true},
		"request active":                       {"MedicationRequest", `"status":"active","intent":"order",` + drug + `,"authoredOn":"2019-01-01"`, true},
		"request that ended":                   {"MedicationRequest", `"status":"active","intent":"order",` + drug + `,"dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2020-01-01"}}}}]`, false},
		"request filled this week":             {"MedicationRequest", `"status":"completed","intent":"order",` + drug + `,"authoredOn":"2026-11-15"`, true},
		"request filled a month ago":           {"MedicationRequest", `"status":"completed","intent":"order",` + drug + `,"authoredOn":"2026-10-15"`, false},
		"request tapered to a dose that stays": {"MedicationRequest", `"status":"active","intent":"order",` + drug + `,"dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2020-01-01"}}}},{"text":"then 1 a day"}]`, true},
		"request until a year after a day":     {"MedicationRequest", `"status":"active","intent":"order",` + drug + `,"dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2026"}}}},{"timing":{"repeat":{"boundsPeriod":{"end":"2026-01-01"}}}}]`, true},
		"request whose doses all ended":        {"MedicationRequest", `"status":"active","intent":"order",` + drug + `,"dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2025"}}}},{"timing":{"repeat":{"boundsPeriod":{"end":"2026-01-01"}}}}]`, false},
		"request filled, tapered, still taken": {"MedicationRequest", `"status":"completed","intent":"order",` + drug + `,"authoredOn":"2026-11-15","dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2026-11-18"}}}},{"text":"then 1 a day"}]`, true},
		"request filled, one dose runs":        {"MedicationRequest", `"status":"completed","intent":"order",` + drug + `,"authoredOn":"2020-11-15","dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2027"}}}},{"text":"then 1 a day"}]`, true},
		"request filled, taken until tomorrow": {"MedicationRequest", `"status":"completed","intent":"order",` + drug + `,"authoredOn":"2026-01-15","dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"end":"2026-11-21"}}}}]`, true},
		"request cancelled":                    {"MedicationRequest", `"status":"cancelled","intent":"order",` + drug, false},
		"request not to take":                  {"MedicationRequest", `"status":"active","intent":"order","doNotPerform":true,` + drug, false},
		"proposal":                             {"MedicationRequest", `"status":"active","intent":"proposal",` + drug, false},
		"statement irrelevant":                 {"MedicationStatement", irrelevant + `,"status":"active",` + drug, false},
	} {
		list := items(build(t, dossier(t, of(c.kind, c.rest))).Message, "medication")
		if (len(list) == 1) != c.in {
			t.Errorf("%s: got %d items, want it in: %v", name, len(list), c.in)
		}
	}
}

// How a drug is said: what, since when, how much, in which part of the day.
func TestDrugs(t *testing.T) {
	dose := `"doseAndRate":[{"doseQuantity":{"value":0.50,"system":"https://carelog.eu/fhir/CodeSystem/cd-administrationunit","code":"00005"}}]`
	unit := `<unit><cd S="CD-ADMINISTRATIONUNIT" SV="1.2">00005</cd></unit>`
	period := func(word string) string {
		return `<dayperiod><cd S="CD-DAYPERIOD" SV="1.1">` + word + `</cd></dayperiod>`
	}
	messages := map[string][]byte{}
	for name, c := range map[string]struct{ rest, want string }{
		"words": {drug + `,"dosage":[{"text":"1 tablet 's ochtends"}],"effectivePeriod":{"start":"2016-05-10","end":"2027"}`,
			contents + begin("<date>2016-05-10</date>") + ended("<year>2027</year>") + active + `<posology><text L="nl">1 tablet 's ochtends</text></posology>`},
		"words and parts of the day": {drug + `,"dosage":[{"text":"1 tablet","timing":{"repeat":{"when":["MORN","HS","ACM","PCM","ACD","PCD","ACV","PCV"]}}}]`,
			contents + active + period("morning") + period("thehourofsleep") + period("beforebreakfast") + period("afterbreakfast") + period("beforelunch") + period("afterlunch") + period("beforedinner") + period("afterdinner") + `<posology><text L="nl">1 tablet</text></posology>`},
		"scheme": {drug + `,"dosage":[{` + dose + `,"timing":{"repeat":{"when":["HS"],"dayOfWeek":["mon","thu"]}}}]`,
			contents + active + `<regimen><weekday><cd S="CD-WEEKDAY" SV="1.0">monday</cd></weekday><daytime>` + period("thehourofsleep") + `</daytime><quantity><decimal>0.50</decimal>` + unit + `</quantity><weekday><cd S="CD-WEEKDAY" SV="1.0">thursday</cd></weekday><daytime>` + period("thehourofsleep") + `</daytime><quantity><decimal>0.50</decimal>` + unit + `</quantity></regimen>`},
		"numbers": {drug + `,"dosage":[{` + dose + `,"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}]`,
			contents + active + `<posology><high>0.50</high>` + unit + `<takes><high>2</high></takes></posology>`},
		"numbers of another unit": {drug + `,"dosage":[{"doseAndRate":[{"doseQuantity":{"value":1.0,"unit":"tablet"}}],"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}]`,
			contents + active + `<posology><text L="nl">1.0 tablet, 2 x / 1 d</text></posology>`},
		"several doses in words": {drug + `,"dosage":[{"text":"1 's ochtends"},{"text":"2 's avonds","patientInstruction":"met water"}]`,
			contents + active + `<posology><text L="nl">1 's ochtends; 2 's avonds</text></posology><instructionforpatient L="nl">met water</instructionforpatient>`},
		"for good": {drug + `,"extension":[{"url":"https://carelog.eu/fhir/StructureDefinition/temporality","valueCode":"chronic"}]`,
			contents + active + `<temporality><cd S="CD-TEMPORALITY" SV="1.0">chronic</cd></temporality>`},
		"a name only": {`"medicationCodeableConcept":{"text":"kruidenthee"}`, `<content><text L="nl">kruidenthee</text></content>` + active},
		"a group of packages": {`"medicationCodeableConcept":{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-inncluster","code":"123"}],"text":"perindopril 4 mg"}`,
			`<content><text L="nl">perindopril 4 mg</text></content><content><substanceproduct><intendedcd S="CD-INNCLUSTER" SV="1.0">123</intendedcd><intendedname>perindopril 4 mg</intendedname></substanceproduct></content>` + active},
		"contained": {`"contained":[{"resourceType":"Medication","id":"m","code":{"text":"Coversyl"}}],"medicationReference":{"reference":"#m"}`, `<content><text L="nl">Coversyl</text></content>` + active},
		"elsewhere": {`"medicationReference":{"reference":"Medication/m9"}`, `<content><text L="nl">Marcoumar</text></content>` + active},
	} {
		in := dossier(t, of("MedicationStatement", `"status":"active",`+c.rest), `{"resourceType":"Medication","id":"m9","code":{"text":"Marcoumar"}}`)
		s := build(t, in)
		list := items(s.Message, "medication")
		if len(list) != 1 || said(list[0]) != c.want {
			t.Errorf("%s: got %d\n%s\nwant\n%s", name, len(list), said(list[0]), c.want)
		}
		messages[name] = s.XML()
	}
	validate(t, messages)
}

// A package goes in once: as it is taken rather than as it was prescribed, and by the newest
// prescription. Two statements of one package are two doses of a day.
func TestSameDrug(t *testing.T) {
	id := func(id, resource string) string { return strings.Replace(resource, `"x1"`, `"`+id+`"`, 1) }
	statement := of("MedicationStatement", `"status":"active",`+drug+`,"effectivePeriod":{"start":"2016"},"dosage":[{"text":"1 's ochtends"}]`)
	evening := of("MedicationStatement", `"status":"active",`+drug+`,"effectivePeriod":{"start":"2016"},"dosage":[{"text":"1 's avonds"}]`)
	request := of("MedicationRequest", `"status":"active","intent":"order",`+drug+`,"authoredOn":"2026-01-01"`)
	newer := of("MedicationRequest", `"status":"active","intent":"order",`+drug+`,"authoredOn":"2026-05-01"`)
	for name, c := range map[string]struct {
		records []string
		want    []string
	}{
		"taken and prescribed": {[]string{request, id("x2", statement)}, []string{"MedicationStatement/x2"}},
		"prescribed twice":     {[]string{request, id("x2", newer)}, []string{"MedicationRequest/x2"}},
		"taken twice":          {[]string{statement, id("x2", evening)}, []string{"MedicationStatement/x1", "MedicationStatement/x2"}},
	} {
		var got []string
		for _, item := range items(build(t, dossier(t, c.records...)).Message, "medication") {
			got = append(got, item.Local("carelog"))
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A filled prescription is taken until the day that it names, that day as well, else for fourteen days; a month or a year is over when it is.
func TestStillTaken(t *testing.T) {
	at := time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		begin, end string
		want       bool
	}{
		{"2026-03-06", "", true}, {"2026-03-05", "", false}, {"2026-03-06T23:00:00+01:00", "", true}, {"2026-03", "", true}, {"2026-02", "", false},
		{"2020-01-01", "2026-03-20", true}, {"2020-01-01", "2026-03-19", false}, {"", "2026-03", true}, {"", "2025", false}, {"2026-03-19", "2026-03-19", false}, {"", "", false},
	} {
		if got := sumehr.StillTaken(c.begin, []string{c.end}, at); got != c.want {
			t.Errorf("from %q to %q: got %t, want %t", c.begin, c.end, got, c.want)
		}
		if c.end != "" && sumehr.Ended(c.end, at) == c.want {
			t.Errorf("until %q: got ended %t", c.end, !c.want)
		}
	}
	if sumehr.Ended("", at) {
		t.Error("what has no end has ended")
	}
}

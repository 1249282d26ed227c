package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/web"
)

// everyDose has every member that a Dosage of R4 may have, in doses of which each is possible.
var everyDose = []string{
	`{"sequence":2,"text":"as told","additionalInstruction":[{"coding":[{"system":"http://snomed.info/sct","code":"311504000","display":"With or after food"}],"text":"with food"}],"patientInstruction":"drink enough","timing":{"event":["2026-03-04","2026-03-05T10:11:12Z"],"repeat":{"boundsDuration":{"value":7,"unit":"days","system":"http://unitsofmeasure.org","code":"d"},"count":3,"countMax":5,"duration":1.50,"durationMax":2,"durationUnit":"h","frequency":2,"frequencyMax":3,"period":1,"periodMax":2,"periodUnit":"d","dayOfWeek":["mon","fri"],"timeOfDay":["08:00:00","20:30:15"]},"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation","code":"BID"}]}},"asNeededBoolean":true,"site":{"text":"left arm"},"route":{"coding":[{"system":"http://snomed.info/sct","code":"26643006","display":"Oral route"}]},"method":{"coding":[{"code":"m1"},{"system":"x","code":"m2","display":"swallow"}]},"doseAndRate":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/dose-rate-type","code":"ordered","display":"Ordered"}]},"doseQuantity":{"value":0.50,"comparator":"<","unit":"mg","system":"http://unitsofmeasure.org","code":"mg"},"rateRatio":{"numerator":{"value":5,"unit":"mL"},"denominator":{"value":1,"system":"http://unitsofmeasure.org","code":"h"}}}],"maxDosePerPeriod":{"numerator":{"value":4,"unit":"tablet"},"denominator":{"value":24,"system":"http://unitsofmeasure.org","code":"h"}},"maxDosePerAdministration":{"value":2,"unit":"tablet"},"maxDosePerLifetime":{"value":400,"unit":"mg"}}`,
	`{"timing":{"repeat":{"boundsPeriod":{"start":"2026-03-04","end":"2026-04"},"when":["ACM","PHS","new"],"offset":30,"frequency":1,"period":8,"periodUnit":"h"}},"asNeededCodeableConcept":{"text":"pain"},"doseAndRate":[{"doseRange":{"low":{"value":1,"system":"https://carelog.eu/fhir/CodeSystem/cd-administrationunit","code":"00005"},"high":{"value":2,"system":"https://carelog.eu/fhir/CodeSystem/cd-administrationunit","code":"00005"}},"rateRange":{"low":{"value":1,"unit":"mL"},"high":{"value":2,"unit":"L"}}}]}`,
	`{"extension":[{"url":"https://carelog.eu/fhir/StructureDefinition/day-number","valuePositiveInt":3},{"url":"u","valueString":"v"}],"timing":{"repeat":{"boundsRange":{"low":{"value":3,"system":"http://unitsofmeasure.org","code":"d"},"high":{"value":5,"system":"http://unitsofmeasure.org","code":"d"}},"frequency":"twice","periodUnit":"fortnight","period":1}},"asNeededBoolean":false,"doseAndRate":[{"doseQuantity":{"value":10,"code":"odd"},"rateQuantity":{"value":2.0,"unit":"mL/h"}}],"_text":{"extension":[{"url":"w"}]},"unheard":{"of":[1,true,null]}}`,
	`{"dose":{"value":1,"unit":"tablet"},"text":"was given","rateQuantity":{"value":1,"unit":"mL/h"}}`,
}

// The doses are said in every language, and no two that differ in any member are said alike: each value of each is changed, and each
// member left out. That a code, its system or its unit is not said twice is no difference.
func TestNoTwoDosesAreSaidAlike(t *testing.T) {
	for _, language := range languages {
		for _, text := range everyDose {
			var dose any
			if err := json.Unmarshal([]byte(text), &dose); err != nil {
				t.Fatal(err)
			}
			said := map[string]string{}
			for at, other := range variants(dose) {
				body, err := json.Marshal(other)
				if err != nil {
					t.Fatal(err)
				}
				got := web.Dosage(language, body)
				if before, ok := said[got]; ok && got != "" {
					t.Errorf("%s: %s and %s are both said as %q", language, before, at, got)
				}
				said[got] = at
			}
			if len(said) < 5 {
				t.Errorf("%s: only %d variants of %s", language, len(said), text)
			}
		}
	}
}

// variants are a value, and it with one thing in it changed or left out, by the place of that.
func variants(v any) map[string]any {
	all := map[string]any{"nothing": v}
	switch v := v.(type) {
	case string:
		all["changed"] = "x" + v
	case float64:
		all["changed"] = v + 10
	case bool:
		all["changed"] = !v
	case []any:
		for i, item := range v {
			for at, other := range variants(item) {
				if at != "nothing" {
					changed := slices.Clone(v)
					changed[i] = other
					all[fmt.Sprint(i, " ", at)] = changed
				}
			}
			if len(v) > 1 {
				all[fmt.Sprint(i, " left out")] = slices.Delete(slices.Clone(v), i, i+1)
			}
		}
	case map[string]any:
		for name, value := range v {
			for at, other := range variants(value) {
				if at != "nothing" {
					changed := maps.Clone(v)
					changed[name] = other
					all[name+" "+at] = changed
				}
			}
			_, isWord := value.(string)
			word := isWord && slices.Contains([]string{"system", "code", "display", "unit"}, name)
			if !word && len(v) > 1 { // FHIR knows no empty object
				changed := maps.Clone(v)
				delete(changed, name)
				all[name+" left out"] = changed
			}
		}
	}
	return all
}

// Two versions of a medicine that differ in a dose of figures look different wherever a dose stands.
func TestDosesOfFiguresAreSeen(t *testing.T) {
	w := newWard(t)
	dose := func(times string) string {
		return `"status":"active","medicationCodeableConcept":{"text":"Bisoprolol"},"dosage":[{"doseAndRate":[{"doseQuantity":{"value":0.50,"system":"https://carelog.eu/fhir/CodeSystem/cd-administrationunit","code":"00005"}}],"timing":{"repeat":{"frequency":` + times + `,"period":1,"periodUnit":"d","when":["MORN"]}}}]`
	}
	w.diverges("MedicationStatement/m1", dose("2"), dose("3"))
	two, three := "0,50 tablet, 2 × per dag, ’s morgens", "0,50 tablet, 3 × per dag, ’s morgens"
	for _, address := range []string{"/patients/p1", "/patients/p1?view=timeline", "/conflicts/MedicationStatement/m1", "/conflicts/MedicationStatement/m1?by=field"} {
		_, page := w.ask("GET", address, "", "Accept-Language: nl")
		if !strings.Contains(page, two) || !strings.Contains(page, three) && !strings.Contains(address, "timeline") {
			t.Errorf("%s does not say both doses:\n%s", address, page)
		}
		if strings.Contains(page, "Period unit") || strings.Contains(page, "Frequency") {
			t.Errorf("%s says FHIR's names:\n%s", address, page)
		}
	}
	first := w.write("MedicationStatement/m2", dose("2"))
	w.write("MedicationStatement/m2", dose("3"), first)
	_, page := w.ask("GET", "/history/MedicationStatement/m2", "", "Accept-Language: nl")
	if !strings.Contains(page, two) || !strings.Contains(page, three) {
		t.Errorf("the history does not say both doses:\n%s", page)
	}
}

// Each unit and each moment has one word of its own, so that two codes are never said alike.
func TestWordsOfDosesAreDistinct(t *testing.T) {
	for _, language := range languages {
		file, err := os.ReadFile("pages/words/" + language + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var words struct {
			Dose map[string]json.RawMessage `json:"dose"`
		}
		if err := json.Unmarshal(file, &words); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{"units", "when", "days"} {
			var codes map[string]string
			if err := json.Unmarshal(words.Dose[list], &codes); err != nil {
				t.Fatal(err)
			}
			seen := map[string]string{}
			for code, word := range codes {
				if other, ok := seen[word]; ok {
					t.Errorf("%s: %s and %s are both %q", language, code, other, word)
				}
				seen[word] = code
			}
		}
	}
}

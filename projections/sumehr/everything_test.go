package sumehr_test

import (
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/sumehr"
)

// everything is a dossier with an item of each kind.
func everything(t testing.TB) sumehr.Input {
	t.Helper()
	n := 0
	one := func(kind, rest string) string {
		n++
		return strings.Replace(of(kind, rest), `"x1"`, `"x`+string(rune('a'+n))+`"`, 1)
	}
	in := dossier(t,
		one("Condition", relevant+`,`+status("resolved")+`,"code":{"coding":[`+icpc+`,`+icd+`,`+ibui+`],"text":"suiker & <zout>"},"onsetDateTime":"2016","abatementDateTime":"2018-03"`),
		one("Condition", `"language":"fr-BE",`+status("active")+`,`+verified("confirmed")+`,"code":{"text":"Hypertension"},"onsetDateTime":"2016-05-10T08:30:00.5+02:00","recordedDate":"2025-11-20T10:02:31+01:00"`),
		one("Condition", `"category":[{"coding":[{"code":"social-history"}]}],`+status("active")+`,`+sugar),
		one("Procedure", `"status":"in-progress",`+sugar+`,"performedString":"sinds de zomer"`),
		one("CarePlan", `"status":"active","intent":"plan","activity":[{"detail":{"status":"in-progress","description":"kine"}},{"detail":{"status":"completed","description":"rust"}}]`),
		one("AllergyIntolerance", `"type":"allergy",`+sugar+`,"reaction":[{"manifestation":[{"text":"shock"}]}]`),
		one("AllergyIntolerance", `"category":["medication"],"code":{"coding":[`+atc+`],"text":"paracetamol"},"onsetAge":{"value":4,"unit":"a"}`),
		one("Flag", relevant+`,"status":"active","code":{"text":"valgevaar"},"period":{"start":"2020"}`),
		one("Consent", `"status":"active","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-patientwill","code":"euthanasiarequest"}],"text":"schriftelijk"}],"dateTime":"2025-06-01T11:00:00+02:00"`),
		one("MedicationStatement", `"status":"active",`+drug+`,"effectivePeriod":{"start":"2016-05"},"dosage":[{"text":"1 tablet","timing":{"repeat":{"when":["MORN"]}}}]`),
		one("MedicationRequest", `"status":"active","intent":"order","medicationCodeableConcept":{"text":"zalf"},"authoredOn":"2026-11-01T10:00:00+01:00"`),
		one("Immunization", `"status":"completed","vaccineCode":{"coding":[{"system":"http://whocc.no/atc","code":"J07BB02"}],"text":"Griep"},"occurrenceDateTime":"2025-10","lotNumber":"L1"`),
		one("RelatedPerson", `"relationship":[{"coding":[{"code":"SPS"}]}],"name":[{"family":"Peeters","given":["Els"]}],"gender":"female","address":[{"line":["Kerkstraat 1"],"city":"Gent"}],"telecom":[{"system":"phone","value":"1"}]`),
		one("CareTeam", `"status":"active","participant":[{"member":{"reference":"Practitioner/dr2"}}]`),
		strings.NewReplacer(`"dr1"`, `"dr2"`, "10000007004", "10000106003").Replace(theDoctor),
		one("Condition", restricted+`,`+status("active")+`,"code":{"text":"geheim"},"onsetDateTime":"2016"`),
	)
	return in
}

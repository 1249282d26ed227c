package web_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/fhirjson"
)

const ssin = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"

// morning fills a desk with what a practice has on its screens on a Monday morning.
func morning(d *desk) {
	d.t.Helper()
	for id, name := range map[string]string{"dr-1": `"family":"Claes","given":["Els"]}],` + physician("10000007004"), "dr-2": `"family":"Dubois","given":["Marc"]}],` + physician("10000106003"), "nurse-1": `"family":"Yilmaz","given":["Aylin"]}],"active":true`} {
		d.arrives("Practitioner/"+id, "", "dr-1", `{"resourceType":"Practitioner","id":"`+id+`","name":[{`+name+`}`)
	}
	for i, name := range []string{"Consultation room 1", "Consultation room 2", "Reception"} {
		id := fmt.Sprintf("desk-%d", i+1)
		key := fhirjson.DeviceKey{Public: make([]byte, 32), Certificate: make([]byte, 64), Name: name, Active: true}
		d.arrives("Device/"+id, "", "dr-1", string(fhirjson.DeviceResource(id, key)))
	}
	d.set(func() {
		began := eventstest.Epoch.Add(8 * time.Hour)
		d.read = []agent.DevicePosition{{Device: "desk-2", Sequence: d.last, Seen: began}}
		d.past = []light.Episode{
			{Kind: light.CatchUp, Began: began, Ended: began.Add(4 * time.Second), Done: 1284, Bytes: 2_400_000},
			{Kind: light.Push, Began: began.Add(-time.Hour), Ended: began.Add(-time.Hour + 2*time.Second), Done: 37},
		}
	})
	people := []string{"Aerts|Lotte|1988-07-30|female", "Bogaert|Wim Jozef|1961-02-11|male", "Cools|Noor|2019-11-05|female", "De Smet|Griet|1949-04-23|female",
		"El Amrani|Youssef|1994-09-14|male", "Fontaine|Amélie|1972-12-01|female", "Janssens|Jan|1957-03-12|male", "Janssens|Marie|1959-08-19|female",
		"Lambrecht|Tuur|2026-08-02|male", "Peeters|Jan|1985-05-17|male", "Vandenberghe|Rita Maria|1938-10-27|female", "Wouters|Kobe|2004-06-09|male"}
	for i, text := range people {
		p := strings.Split(text, "|")
		id := fmt.Sprintf("p%d", i+1)
		d.arrives("Patient/"+id, id, "dr-1", person(id, p[0], p[1], p[2], p[3]))
	}
	dossierOfJan(d)
	sumehrsOfMonday(d)
	conflictsOfMonday(d)
}

// person writes a Patient whose national number has valid check digits, and belongs to nobody.
func person(id, family, given, birth, gender string) string {
	digits := strings.ReplaceAll(birth, "-", "")
	nine := digits[2:] + map[string]string{"female": "000", "male": "999"}[gender]
	var n int
	_, _ = fmt.Sscan(strings.TrimLeft(nine, "0"), &n)
	if digits >= "2000" {
		n += 2_000_000_000
	}
	return `{"resourceType":"Patient","id":"` + id + `","identifier":[{"system":"` + ssin + `","value":"` + fmt.Sprintf("%s%02d", nine, 97-n%97) +
		`"}],"name":[{"use":"official","family":"` + family + `","given":["` + strings.Join(strings.Fields(given), `","`) + `"]}],"gender":"` + gender + `","birthDate":"` + birth + `","generalPractitioner":[{"reference":"Practitioner/dr-1"}]}`
}

// physician is what makes a Practitioner one who answers for a Sumehr.
func physician(number string) string {
	return `"identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"` + number +
		`"}],"qualification":[{"code":{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysician"}]}}]`
}

func dossierOfJan(d *desk) {
	jan := func(record, author, body string) events.ID {
		typ, id, _ := strings.Cut(record, "/")
		subject := "subject"
		if typ == "AllergyIntolerance" || typ == "Immunization" {
			subject = "patient"
		}
		return d.arrives(record, "p7", author, `{"resourceType":"`+typ+`","id":"`+id+`","`+subject+`":{"reference":"Patient/p7"},`+body+`}`)
	}
	jan("DocumentReference/n1", "dr-1", noteBody("Annual check-up", "Feels well. Walks half an hour every day since the spring.\nBlood pressure 138/84, weight 81 kg. Lungs clear.\nRepeat HbA1c in three months.", "2026-11-20T09:12:00+01:00"))
	jan("DocumentReference/n2", "nurse-1", noteBody("", "Flu vaccine given, left arm. No reaction after fifteen minutes.", "2026-10-14T11:40:00+02:00"))
	jan("DocumentReference/n3", "dr-2", noteBody("Telephone", "Cough for a week, no fever. Advice given, to come back if it lasts.", "2026-09-02T17:05:00+02:00"))
	jan("Condition/d1", "dr-1", clinical("Condition", "active")+`,"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icpc-2","code":"T90"}],"text":"Type 2 diabetes"},"onsetDateTime":"2014"`)
	jan("Condition/d2", "dr-1", clinical("Condition", "active")+`,"code":{"text":"High blood pressure"},"onsetDateTime":"2011-05"`)
	jan("Condition/d3", "dr-2", clinical("Condition", "resolved")+`,"code":{"text":"Pneumonia"},"onsetDateTime":"2019-01-20"`)
	jan("AllergyIntolerance/a1", "dr-1", clinical("AllergyIntolerance", "active")+`,"criticality":"high","code":{"text":"Penicillin"},"reaction":[{"manifestation":[{"text":"Anaphylaxis"}]}],"onsetDateTime":"1998"`)
	jan("AllergyIntolerance/a2", "dr-1", clinical("AllergyIntolerance", "active")+`,"criticality":"low","code":{"text":"Grass pollen"}`)
	jan("MedicationStatement/m1", "dr-1", `"status":"active","medicationCodeableConcept":{"text":"Metformin 850 mg"},"dosage":[{"text":"1 tablet with breakfast and with supper","doseAndRate":[{"doseQuantity":{"value":1.00,"unit":"tablet"}}]}],"effectivePeriod":{"start":"2014-06-01"}`)
	jan("MedicationStatement/m2", "dr-1", `"status":"active","medicationCodeableConcept":{"text":"Lisinopril 20 mg"},"dosage":[{"text":"1 tablet in the morning"}],"effectivePeriod":{"start":"2011-05-10"}`)
	jan("MedicationStatement/m3", "dr-2", `"status":"stopped","medicationCodeableConcept":{"text":"Amoxicillin 500 mg"},"dosage":[{"text":"3 a day for 7 days"}]`)
	jan("Immunization/i1", "nurse-1", `"status":"completed","vaccineCode":{"text":"Influenza 2026"},"occurrenceDateTime":"2026-10-14"`)
	for i, v := range []string{"7.10", "6.80", "6.90", "7.40", "7.00", "6.70", "7.20"} {
		jan(fmt.Sprintf("Observation/o%d", i), "dr-1", fmt.Sprintf(`"status":"final","code":{"text":"HbA1c"},"effectiveDateTime":"202%d-11-03","valueQuantity":{"value":%s,"unit":"%%"}`, i, v))
	}
}

// clinical is the clinicalStatus of a Condition or an AllergyIntolerance.
func clinical(typ, code string) string {
	return `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/` + strings.ToLower(typ) + `-clinical","code":"` + code + `"}]}`
}

func noteBody(title, text, date string) string {
	if title != "" {
		title = `"description":"` + title + `",`
	}
	return title + `"status":"current","type":{"text":"Note"},"date":"` + date + `","content":[{"attachment":{"contentType":"text/plain","data":"` +
		base64.StdEncoding.EncodeToString([]byte(text)) + `"}}]`
}

// conflictsOfMonday makes one conflict of each kind that a person meets.
func conflictsOfMonday(d *desk) {
	diverge := func(record, patient, root string, versions ...string) {
		parent := d.arrives(record, patient, "dr-1", root)
		for i, v := range versions {
			device := d.here
			if i == 0 {
				device = d.other
			}
			d.arrivesFrom(device, record, patient, []string{"dr-2", "nurse-1", "dr-1"}[i%3], v, parent)
		}
	}
	statement := func(dose, rest string) string {
		return `{"resourceType":"MedicationStatement","id":"m9","status":"active","subject":{"reference":"Patient/p4"},"medicationCodeableConcept":{"text":"Warfarin 5 mg"},"dosage":[{"text":"` + dose + `"}]` + rest + `}`
	}
	diverge("MedicationStatement/m9", "p4", statement("1 tablet in the evening", ""),
		statement("half a tablet in the evening, INR on Friday", ""), statement("1 tablet in the evening, 2 on Sunday", `,"note":[{"text":"Told by her daughter"}]`))
	allergy := func(rest string) string {
		return `{"resourceType":"AllergyIntolerance","id":"a9","patient":{"reference":"Patient/p7"},"code":{"text":"Ibuprofen"},` + clinical("AllergyIntolerance", "active") + rest + `}`
	}
	diverge("AllergyIntolerance/a9", "p7", allergy(""), allergy(`,"criticality":"low"`), allergy(`,"criticality":"high","reaction":[{"manifestation":[{"text":"Bronchospasm"}]}]`))
	text := func(s string) string {
		return `{"resourceType":"DocumentReference","id":"n9","subject":{"reference":"Patient/p11"},` + noteBody("House call", s, "2026-11-21T10:00:00+01:00") + `}`
	}
	diverge("DocumentReference/n9", "p11", text("Fell in the kitchen yesterday. No pain in the hip."),
		text("Fell in the kitchen yesterday. Pain in the left hip, X-ray asked."), "", text("Fell in the bathroom yesterday. No pain in the hip. Walks with a frame."))
}

// waiting puts what waits, and what was refused, into the queue.
func waiting(d *desk) {
	d.t.Helper()
	aside := d.arrivesFrom(d.here, "DocumentReference/n77", "p2", "dr-1",
		`{"resourceType":"DocumentReference","id":"n77","subject":{"reference":"Patient/p2"},`+noteBody("Scan", "What was too large", "2026-11-22T10:00:00+01:00")+`}`)
	d.set(func() {
		ids := events.NewClock(nil, nil)
		add := func(typ, id, patient string, aside bool, why string) {
			event, err := ids.Next()
			if err != nil {
				d.t.Fatal(err)
			}
			q := agent.Queued{ID: event, Type: typ, RecordID: id, Patient: patient, Author: "dr-1", Time: event.Time(), SetAside: aside, LastError: why}
			if aside {
				q.Attempts, q.Problem = 1, &agent.Problem{Code: agent.ProblemTooLarge}
			}
			d.queue = append(d.queue, q)
		}
		add("DocumentReference", "n1", "p7", false, "")
		add("Condition", "d2", "p7", false, "")
		add("DocumentReference", "n77", "p2", true, "the server refuses it for good: the message is larger than it takes")
		d.queue[2].ID = aside
	})
}

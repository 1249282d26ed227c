package sumehr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// item writes what an item says, without its number, its record and isrelevant.
func said(e *kmehr.Element) string {
	e = sumehr.Bare(e)
	var kept []*kmehr.Element
	for _, c := range e.Children {
		if c.Name != "isrelevant" && c.Attribute("S") != "CD-ITEM" {
			kept = append(kept, c)
		}
	}
	text := short(kmehr.New("item", kept...))
	for _, noise := range []string{"<item>", "</item>", "<item/>"} {
		text = strings.ReplaceAll(text, noise, "")
	}
	return text
}

const (
	icpc   = `{"system":"http://hl7.org/fhir/sid/icpc-2","code":"T90"}`
	icd    = `{"system":"http://hl7.org/fhir/sid/icd-10","code":"E11"}`
	ibui   = `{"system":"https://carelog.eu/fhir/CodeSystem/cd-clinical","code":"10116023"}`
	atc    = `{"system":"http://www.whocc.no/atc","code":"N02BE01"}`
	cnk    = `{"system":"https://www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/cnk-codes","code":"1467000"}`
	snomed = `{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2"}`

	relevant   = `"meta":{"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"relevant"}]}`
	irrelevant = `"meta":{"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"irrelevant"}]}`
	masked     = `"meta":{"tag":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"masked"}]}`
	restricted = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`
)

// of writes a resource about the patient of the tests.
func of(kind, rest string) string {
	subject := "subject"
	switch kind {
	case "AllergyIntolerance", "Immunization", "RelatedPerson", "Consent", "FamilyMemberHistory":
		subject = "patient"
	}
	return fmt.Sprintf(`{"resourceType":%q,"id":"x1",%q:{"reference":"Patient/p1"},%s}`, kind, subject, rest)
}

func status(code string) string { return `"clinicalStatus":{"coding":[{"code":"` + code + `"}]}` }

func verified(code string) string {
	return `"verificationStatus":{"coding":[{"code":"` + code + `"}]}`
}

const sugar = `"code":{"coding":[` + icpc + `],"text":"suiker"}`

const (
	sugarContents = `<content><cd S="ICPC" SV="2">T90</cd></content><content><text L="nl">suiker</text></content>`
	active        = `<lifecycle><cd S="CD-LIFECYCLE" SV="1.9">active</cd></lifecycle>`
	inactive      = `<lifecycle><cd S="CD-LIFECYCLE" SV="1.9">inactive</cd></lifecycle>`
)

func begin(at string) string { return "<beginmoment>" + at + "</beginmoment>" }
func ended(at string) string { return "<endmoment>" + at + "</endmoment>" }

// Each row of the mapping from FHIR, with what stays out and the other ways to say it.
func TestRows(t *testing.T) {
	for name, c := range map[string]struct {
		resource, kind string
		want           string // empty: no item
	}{
		"condition active":              {of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2016-05-10"`), "problem", sugarContents + begin("<date>2016-05-10</date>") + active},
		"condition recurrence":          {of("Condition", status("recurrence")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", sugarContents + begin("<year>2016</year>") + active},
		"condition relapse":             {of("Condition", status("relapse")+`,`+sugar+`,"onsetDateTime":"2016-05"`), "problem", sugarContents + begin("<yearmonth>2016-05</yearmonth>") + active},
		"condition without a status":    {of("Condition", sugar+`,"onsetDateTime":"2016"`), "problem", sugarContents + begin("<year>2016</year>") + active},
		"condition inactive":            {of("Condition", status("inactive")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", ""},
		"condition resolved, relevant":  {of("Condition", relevant+`,`+status("resolved")+`,`+sugar+`,"onsetDateTime":"2016","abatementDateTime":"2018-03"`), "problem", sugarContents + begin("<year>2016</year>") + ended("<yearmonth>2018-03</yearmonth>") + inactive},
		"condition remission, relevant": {of("Condition", relevant+`,`+status("remission")+`,`+sugar), "problem", sugarContents + inactive},
		"condition antecedent":          {of("Condition", `"category":[{"coding":[{"code":"antecedent"}]}],`+status("inactive")+`,`+sugar), "problem", sugarContents + inactive},
		"condition irrelevant":          {of("Condition", irrelevant+`,`+status("active")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", ""},
		"condition confirmed":           {of("Condition", status("active")+`,`+verified("confirmed")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", sugarContents + begin("<year>2016</year>") + active + `<certainty><cd S="CD-CERTAINTY" SV="1.1">proven</cd></certainty>`},
		"condition provisional":         {of("Condition", status("active")+`,`+verified("provisional")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", sugarContents + begin("<year>2016</year>") + active + `<certainty><cd S="CD-CERTAINTY" SV="1.1">probable</cd></certainty>`},
		"condition differential":        {of("Condition", status("active")+`,`+verified("differential")+`,`+sugar+`,"onsetDateTime":"2016"`), "problem", sugarContents + begin("<year>2016</year>") + active + `<certainty><cd S="CD-CERTAINTY" SV="1.1">probable</cd></certainty>`},
		"condition refuted":             {of("Condition", status("active")+`,`+verified("refuted")+`,`+sugar), "problem", ""},
		"condition entered in error":    {of("Condition", verified("entered-in-error")+`,`+sugar), "problem", ""},
		"condition with all codes": {of("Condition", status("active")+`,"code":{"coding":[`+snomed+`,`+icd+`,`+icpc+`,`+ibui+`],"text":"suiker"},"onsetDateTime":"2016"`), "problem",
			`<content><cd S="CD-CLINICAL" SV="1.0">10116023</cd><cd S="ICPC" SV="2">T90</cd><cd S="ICD" SV="10">E11</cd></content><content><text L="nl">suiker</text></content>` + begin("<year>2016</year>") + active},
		"condition, SNOMED only":      {of("Condition", status("active")+`,"code":{"coding":[`+snomed+`]},"onsetDateTime":"2016"`), "problem", `<content><text L="nl">Diabetes mellitus type 2</text></content>` + begin("<year>2016</year>") + active},
		"condition with a time":       {of("Condition", status("active")+`,`+sugar+`,"onsetDateTime":"2016-05-10T08:30:00+02:00"`), "problem", sugarContents + begin("<date>2016-05-10</date><time>08:30:00+02:00</time>") + active},
		"condition since an age":      {of("Condition", status("active")+`,`+sugar+`,"onsetAge":{"value":40,"unit":"jaar"}`), "problem", sugarContents + begin(`<text L="nl">40 jaar</text>`) + active},
		"condition since a range":     {of("Condition", status("active")+`,`+sugar+`,"onsetRange":{"low":{"value":40},"high":{"value":45,"unit":"jaar"}}`), "problem", sugarContents + begin(`<text L="nl">40 - 45 jaar</text>`) + active},
		"condition since words":       {of("Condition", status("active")+`,`+sugar+`,"onsetString":"als kind"`), "problem", sugarContents + begin(`<text L="nl">als kind</text>`) + active},
		"condition since a period":    {of("Condition", status("active")+`,`+sugar+`,"onsetPeriod":{"start":"2016"}`), "problem", sugarContents + begin("<year>2016</year>") + active},
		"condition in French":         {of("Condition", `"language":"fr-BE",`+status("active")+`,"code":{"text":"diabète"},"onsetDateTime":"2016"`), "problem", `<content><text L="fr">diabète</text></content>` + begin("<year>2016</year>") + active},
		"condition, social history":   {of("Condition", `"category":[{"coding":[{"code":"social-history"}]}],`+status("active")+`,`+sugar), "socialrisk", sugarContents + active},
		"condition, risk":             {of("Condition", `"category":[{"coding":[{"code":"risk"}]}],`+status("active")+`,`+sugar), "risk", sugarContents + active},
		"observation, marked":         {of("Observation", relevant+`,"status":"final","category":[{"coding":[{"code":"social-history"}]}],"code":{"text":"Wonen"},"valueString":"alleen","effectiveDateTime":"2020"`), "socialrisk", `<content><text L="nl">Wonen: alleen</text></content>` + begin("<year>2020</year>") + active},
		"observation, not marked":     {of("Observation", `"status":"final","category":[{"coding":[{"code":"social-history"}]}],"code":{"text":"Wonen"}`), "socialrisk", ""},
		"observation of a laboratory": {of("Observation", relevant+`,"status":"final","category":[{"coding":[{"code":"laboratory"}]}],"code":{"text":"Glucose"}`), "socialrisk", ""},
		"flag, marked":                {of("Flag", relevant+`,"status":"active","code":{"text":"valgevaar"},"period":{"start":"2020"}`), "risk", `<content><text L="nl">valgevaar</text></content>` + begin("<year>2020</year>") + active},
		"flag, not marked":            {of("Flag", `"status":"active","code":{"text":"valgevaar"}`), "risk", ""},
		"flag, over":                  {of("Flag", relevant+`,"status":"inactive","code":{"text":"valgevaar"}`), "risk", ""},
		"family history, marked":      {of("FamilyMemberHistory", relevant+`,"status":"completed","relationship":{"text":"vader"},"condition":[{"code":{"coding":[`+icpc+`],"text":"suiker"}}]`), "risk", `<content><cd S="ICPC" SV="2">T90</cd></content><content><text L="nl">suiker (vader)</text></content>` + active},
		"family history, not marked":  {of("FamilyMemberHistory", `"status":"completed","relationship":{"text":"vader"},"condition":[{"code":{"text":"suiker"}}]`), "risk", ""},
		"risk assessment, marked":     {of("RiskAssessment", relevant+`,"status":"final","prediction":[{"outcome":{"text":"hartinfarct"}}],"occurrenceDateTime":"2020"`), "risk", `<content><text L="nl">hartinfarct</text></content>` + begin("<year>2020</year>") + active},
		"risk assessment, not marked": {of("RiskAssessment", `"status":"final","prediction":[{"outcome":{"text":"hartinfarct"}}]`), "risk", ""},

		"allergy":                     {of("AllergyIntolerance", status("active")+`,"type":"allergy","category":["food"],`+sugar+`,"onsetDateTime":"1999"`), "allergy", sugarContents + begin("<year>1999</year>") + active},
		"allergy with a reaction":     {of("AllergyIntolerance", `"type":"allergy",`+sugar+`,"reaction":[{"manifestation":[{"text":"shock"},{"text":"uitslag"}]},{"manifestation":[{"text":"shock"}]}]`), "allergy", sugarContents + `<text L="nl">shock, uitslag</text>` + active},
		"allergy, Belgian extension":  {of("AllergyIntolerance", `"extension":[{"url":"https://www.ehealth.fgov.be/standards/fhir/allergy/StructureDefinition/be-ext-allergy-type","valueCode":"intolerance"}],`+sugar), "adr", sugarContents + active},
		"allergy without a type":      {of("AllergyIntolerance", sugar), "allergy", sugarContents + active},
		"allergy resolved":            {of("AllergyIntolerance", status("resolved")+`,"type":"allergy",`+sugar), "allergy", ""},
		"allergy inactive":            {of("AllergyIntolerance", status("inactive")+`,"type":"allergy",`+sugar), "allergy", ""},
		"allergy refuted":             {of("AllergyIntolerance", verified("refuted")+`,`+sugar), "allergy", ""},
		"intolerance":                 {of("AllergyIntolerance", `"type":"intolerance",`+sugar), "adr", sugarContents + active},
		"reaction to a drug":          {of("AllergyIntolerance", `"category":["medication"],"code":{"coding":[`+atc+`],"text":"paracetamol"}`), "adr", `<content><cd S="CD-ATC" SV="1.0">N02BE01</cd></content><content><text L="nl">paracetamol</text></content>` + active},
		"allergy to a drug by a code": {of("AllergyIntolerance", `"type":"allergy","code":{"coding":[`+atc+`],"text":"paracetamol"}`), "adr", `<content><cd S="CD-ATC" SV="1.0">N02BE01</cd></content><content><text L="nl">paracetamol</text></content>` + active},

		"procedure completed":   {of("Procedure", `"status":"completed",`+sugar+`,"performedDateTime":"2010-02"`), "treatment", sugarContents + begin("<yearmonth>2010-02</yearmonth>") + ended("<yearmonth>2010-02</yearmonth>") + inactive},
		"procedure in progress": {of("Procedure", `"status":"in-progress",`+sugar+`,"performedPeriod":{"start":"2026-01"}`), "treatment", sugarContents + begin("<yearmonth>2026-01</yearmonth>") + active},
		"procedure not done":    {of("Procedure", `"status":"not-done",`+sugar), "treatment", ""},
		"care plan":             {of("CarePlan", `"status":"active","intent":"plan","activity":[{"detail":{"status":"in-progress","code":{"text":"kine"},"scheduledPeriod":{"start":"2026"}}},{"detail":{"status":"not-started","code":{"text":"later"}}}]`), "treatment", `<content><text L="nl">kine</text></content>` + begin("<year>2026</year>") + active},
		"care plan completed":   {of("CarePlan", `"status":"completed","intent":"plan","activity":[{"detail":{"status":"completed","description":"kine"}}]`), "treatment", `<content><text L="nl">kine</text></content>` + inactive},
		"care plan revoked":     {of("CarePlan", `"status":"revoked","intent":"plan","activity":[{"detail":{"status":"in-progress","code":{"text":"kine"}}}]`), "treatment", ""},

		"vaccine": {of("Immunization", `"status":"completed","vaccineCode":{"coding":[`+strings.Replace(cnk, "1467000", "1077593", 1)+`],"text":"Tedivax"},"occurrenceDateTime":"2021-09-14","lotNumber":"L1","protocolApplied":[{"targetDisease":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-vaccineindication","code":"tetanus"}]},{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-vaccineindication","code":"diphteria"}]}],"doseNumberPositiveInt":1}]`), "vaccine",
			`<content><cd S="CD-VACCINEINDICATION" SV="1.0">diphteria</cd><cd S="CD-VACCINEINDICATION" SV="1.0">tetanus</cd></content><content><medicinalproduct><intendedcd S="CD-DRUG-CNK" SV="2010-07">1077593</intendedcd><intendedname>Tedivax</intendedname></medicinalproduct></content>` + begin("<date>2021-09-14</date>") + `<lifecycle><cd S="CD-LIFECYCLE" SV="1.9">administrated</cd></lifecycle><batch>L1</batch>`},
		"vaccine by its class": {of("Immunization", `"status":"completed","vaccineCode":{"coding":[{"system":"http://whocc.no/atc","code":"J07BB02"}],"text":"Griep"},"occurrenceDateTime":"2025-10","note":[{"text":"linkerarm"}]`), "vaccine",
			`<content><cd S="CD-VACCINEINDICATION" SV="1.0">seasonalinfluenza</cd><cd S="CD-ATC" SV="1.0">J07BB02</cd></content><text L="nl">Griep; linkerarm</text>` + begin("<yearmonth>2025-10</yearmonth>") + `<lifecycle><cd S="CD-LIFECYCLE" SV="1.9">administrated</cd></lifecycle>`},
		"vaccine of no class":  {of("Immunization", `"status":"completed","vaccineCode":{"coding":[{"system":"http://www.whocc.no/atc","code":"J07AL02"}],"text":"Prevenar 13"},"occurrenceDateTime":"2025"`), "vaccine", ""},
		"vaccine not done":     {of("Immunization", `"status":"not-done","vaccineCode":{"coding":[{"system":"http://www.whocc.no/atc","code":"J07BB02"}]},"occurrenceDateTime":"2025"`), "vaccine", ""},
		"will":                 {of("Consent", `"status":"active","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-patientwill-hos","code":"hos1"}]}],"provision":{"period":{"start":"2025-06-01"}}`), "patientwill", `<content><cd S="CD-PATIENTWILL-HOS" SV="1.0">hos1</cd></content>` + begin("<date>2025-06-01</date>") + active},
		"will by HL7's word":   {of("Consent", `"status":"active","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentcategorycodes","code":"dnr"}]}]`), "patientwill", `<content><cd S="CD-PATIENTWILL-RES" SV="1.0">dnr1</cd></content>` + active},
		"will taken back":      {of("Consent", `"status":"inactive","category":[{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/cd-patientwill","code":"euthanasiarequest"}]}]`), "patientwill", ""},
		"consent to something": {of("Consent", `"status":"active","category":[{"coding":[{"code":"npp"}]}]`), "patientwill", ""},

		"related person": {of("RelatedPerson", `"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"DOMPART"}]}],"name":[{"family":"Peeters","given":["Els"]}],"gender":"female","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"60010100073"}],"telecom":[{"system":"phone","use":"mobile","value":"000000002"},{"system":"url","value":"x"}]`), "contactperson",
			`<cd S="CD-CONTACT-PERSON" SV="1.0">partner</cd><content><person><id S="INSS" SV="1.0">60010100073</id><firstname>Els</firstname><familyname>Peeters</familyname><sex><cd S="CD-SEX" SV="1.1">female</cd></sex><telecom><cd S="CD-ADDRESS" SV="1.1">home</cd><cd S="CD-TELECOM" SV="1.0">mobile</cd><telecomnumber>000000002</telecomnumber></telecom></person></content>`},
		"related person, no more": {of("RelatedPerson", `"active":false,"name":[{"family":"Peeters"}]`), "contactperson", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := build(t, dossier(t, c.resource))
			var got []string
			for _, item := range items(s.Message, c.kind) {
				if item.Codes("CD-ITEM")[0].Attribute("nullFlavor") == "" {
					got = append(got, said(item))
				}
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}

// Who a contact is, in the words of CD-CONTACT-PERSON.
func TestRelations(t *testing.T) {
	for code, want := range map[string]string{
		"MTH": "mother", "FTH": "father", "SPS": "spouse", "DOMPART": "partner", "SIS": "sister", "BRO": "brother", "SON": "son", "DAU": "daughter", "NBOR": "neighbour", "FRND": "other", "": "other",
	} {
		patient := strings.Replace(thePatient, `"gender"`, `"contact":[{"relationship":[{"coding":[{"code":"`+code+`"}]}],"name":{"text":"Els Peeters"}}],"gender"`, 1)
		in := dossier(t)
		in.Records[0] = record(t, patient)
		s := build(t, in)
		list := items(s.Message, "contactperson")
		if len(list) != 1 || list[0].Code("CD-CONTACT-PERSON") != want || list[0].At("content", "person", "familyname").Value() != "Peeters" || list[0].At("content", "person", "firstname").Value() != "Els" {
			t.Errorf("%s: got %d items, %s; want %s", code, len(list), said(list[0]), want)
		}
	}
}

// The rows of the message itself: author, keeper of the file, patient, team, and reasons why
// a section is empty.
func TestPeopleRows(t *testing.T) {
	other := strings.NewReplacer(`"dr1"`, `"dr2"`, "10000007004", "10000106003", "Voorbeeldarts", "Specialist").Replace(theDoctor)
	team := of("CareTeam", `"status":"active","participant":[{"member":{"reference":"PractitionerRole/role1"}},{"member":{"reference":"Patient/p1"}},{"member":{"reference":"Practitioner/nobody"}}]`)
	role := `{"resourceType":"PractitionerRole","id":"role1","practitioner":{"reference":"Practitioner/dr2"},"code":[{"coding":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty","code":"persphysiotherapist"}]}]}`
	composition := `{"resourceType":"Composition","id":"k1","status":"final","type":{"coding":[{"system":"http://loinc.org","code":"60591-5"}]},"subject":{"reference":"Patient/p1"},"date":"2026-01-01","author":[{"reference":"Practitioner/dr2"}],"title":"x",
		"custodian":{"reference":"Organization/o1"},"section":[{"code":{"coding":[{"code":"11450-4"}]},"emptyReason":{"coding":[{"code":"notasked"}]}},{"code":{"coding":[{"code":"47519-4"}]},"emptyReason":{"coding":[{"code":"nilknown"}]}},{"code":{"coding":[{"system":"https://carelog.eu/fhir/CodeSystem/sumehr","code":"remark"}],"text":"let op"}}]}`
	office := `{"resourceType":"Organization","id":"o1","name":"Groepspraktijk","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi","value":"10000007"}]}`

	in := dossier(t, other, team, role, composition, office)
	s := build(t, in)
	tx := s.Message.At("folder", "transaction")
	if got := tx.At("author", "hcparty").ID("ID-HCPARTY"); got != "10000106003" || tx.At("iscomplete").Value() != "true" || tx.At("isvalidated").Value() != "true" {
		t.Errorf("the author of the Composition answers for the Sumehr: got %s", got)
	}
	if got := items(s.Message, "gmdmanager")[0].At("content", "hcparty").ID("ID-HCPARTY"); got != "10000007004" {
		t.Errorf("the general practitioner keeps the file: got %s", got)
	}
	list := items(s.Message, "contacthcparty")
	if len(list) != 1 || list[0].At("content", "hcparty").Code("CD-HCPARTY") != "persphysician" || list[0].At("content", "hcparty", "familyname").Value() != "Specialist" {
		t.Errorf("got %d of the care team: %s", len(list), said(list[0]))
	}
	if len(items(s.Message, "problem")) != 0 || len(items(s.Message, "treatment")) != 1 {
		t.Error("nothing is said to be known of problems that nobody asked for")
	}
	if tx.At("text").Value() != "let op" {
		t.Error("the remark is not there")
	}
	if !found(s, "care-provider-unknown", "CareTeam/x1") {
		t.Errorf("a care provider who is not there is not named: %v", s.Findings)
	}

	in.Author = "dr1" // another one's Composition says nothing of this Sumehr
	s = build(t, in)
	if got := s.Message.At("folder", "transaction", "author", "hcparty").ID("ID-HCPARTY"); got != "10000007004" || len(items(s.Message, "problem")) != 1 || s.Message.At("folder", "transaction", "text") != nil {
		t.Errorf("got the author %s", got)
	}

	in.Author = ""
	in.Records[0] = record(t, strings.Replace(thePatient, `,"generalPractitioner":[{"reference":"Practitioner/dr1"}]`, ``, 1))
	if got := items(build(t, in).Message, "gmdmanager"); len(got) != 1 || got[0].At("content", "hcparty", "name").Value() != "Groepspraktijk" {
		t.Errorf("the custodian keeps the file where no general practitioner is named: got %d", len(got))
	}
}

func TestPatientRow(t *testing.T) {
	body := `{"resourceType":"Patient","id":"p1","identifier":[{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","use":"old","value":"1"},{"system":"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin","value":"58.03.14-999.14"}],
		"name":[{"use":"maiden","family":"Oud"},{"use":"official","family":"Nieuw","given":["A","B"]}],"gender":"other","birthDate":"1958","deceasedDateTime":"2020-02",
		"telecom":[{"system":"email","value":"a@example.invalid"},{"system":"phone","use":"old","value":"1"}],
		"address":[{"use":"home","line":["Kerkstraat 1"],"_line":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName","valueString":"Kerkstraat"},{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber","valueString":"1"}]}],"city":"Gent","postalCode":"9000","country":"BE"},{"use":"temp","line":["Zeedijk 2"]}]}`
	in := dossier(t)
	in.Records[0] = record(t, body)
	want := `<patient><id S="ID-PATIENT" SV="1.0">58031499914</id><id S="LOCAL" SV="1.0" SL="carelog">Patient/p1</id><firstname>A</firstname><firstname>B</firstname><familyname>Nieuw</familyname>` +
		`<birthdate><year>1958</year></birthdate><deathdate><yearmonth>2020-02</yearmonth></deathdate><sex><cd S="CD-SEX" SV="1.1">undefined</cd></sex>` +
		`<address><cd S="CD-ADDRESS" SV="1.1">home</cd><country><cd S="CD-FED-COUNTRY" SV="1.2">be</cd></country><zip>9000</zip><city>Gent</city><street>Kerkstraat</street><housenumber>1</housenumber></address>` +
		`<address><cd S="CD-ADDRESS" SV="1.1">vacation</cd><street>Zeedijk 2</street></address>` +
		`<telecom><cd S="CD-ADDRESS" SV="1.1">home</cd><cd S="CD-TELECOM" SV="1.0">email</cd><telecomnumber>a@example.invalid</telecomnumber></telecom></patient>`
	if got := short(build(t, in).Message.At("folder", "patient")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// found reports whether a rule was found broken by a record.
func found(s *sumehr.Summary, rule, record string) bool {
	for _, f := range s.Findings {
		if string(f.Rule) == rule && (record == "" || f.Record == record) {
			return true
		}
	}
	return false
}

package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson/structure"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// stated is a CapabilityStatement as a client reads it.
type stated struct {
	FHIRVersion string
	Format      []string
	PatchFormat []string
	Rest        []struct {
		Resource    []statedType
		Interaction []struct{ Code string }
		Operation   []struct{ Name string }
	}
}

type statedType struct {
	Type                                           string
	Interaction                                    []struct{ Code string }
	Versioning, ConditionalRead, ConditionalDelete string
	ReadHistory, UpdateCreate                      bool
	ConditionalCreate, ConditionalUpdate           bool
	SearchParam                                    []struct{ Name, Type, Documentation string }
	SearchInclude, SearchRevInclude                []string
	Operation                                      []struct{ Name string }
}

func (r statedType) does(interaction string) bool {
	return slices.ContainsFunc(r.Interaction, func(i struct{ Code string }) bool { return i.Code == interaction })
}

func (r statedType) has(operation string) bool {
	return slices.ContainsFunc(r.Operation, func(o struct{ Name string }) bool { return o.Name == operation })
}

func (d *desk) stated() (s stated) {
	d.t.Helper()
	if err := json.Unmarshal(d.do("GET", "/fhir/metadata", "").want(200).Body.Bytes(), &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// TestAdditionsAreNamed: a client is told which parameters it does not find in R4.
func TestAdditionsAreNamed(t *testing.T) {
	count := 0
	for _, r := range newDesk(t).stated().Rest[0].Resource {
		for _, p := range r.SearchParam {
			if said := strings.Contains(p.Documentation, "R4 does not define it"); said != fhirsearch.Added(r.Type, p.Name) {
				t.Errorf("%s of %s: said to be an addition: %v", p.Name, r.Type, said)
			} else if said {
				count++
			}
		}
	}
	if count == 0 {
		t.Error("none is named")
	}
}

// needs are the members that R4 requires of a type, beside its name; P is a reference to a patient, @ one to a type, T a
// text, D a day.
const needs = `
Account "status":"active"
AdverseEvent "actuality":"actual","subject":P
AllergyIntolerance "patient":P
Appointment "status":"booked","participant":[{"actor":P,"status":"accepted"}]
AppointmentResponse "appointment":{"reference":"Appointment/x"},"participantStatus":"accepted"
Basic "code":T
Binary "contentType":"text/plain"
BodyStructure "patient":P
CarePlan "status":"active","intent":"plan","subject":P
ChargeItem "status":"billable","code":T,"subject":P
Claim "status":"active","type":T,"use":"claim","patient":P,"created":D,"provider":@Practitioner,"priority":T,"insurance":[{"sequence":1,"focal":true,"coverage":@Coverage}]
ClaimResponse "status":"active","type":T,"use":"claim","patient":P,"created":D,"insurer":@Organization,"outcome":"complete"
ClinicalImpression "status":"completed","subject":P
Communication "status":"completed"
CommunicationRequest "status":"active"
Composition "status":"final","type":T,"date":D,"author":[P],"title":"x"
Condition "subject":P
Consent "status":"active","scope":T,"category":[T]
Coverage "status":"active","beneficiary":P,"payor":[P]
CoverageEligibilityRequest "status":"active","purpose":["benefits"],"patient":P,"created":D,"insurer":@Organization
CoverageEligibilityResponse "status":"active","purpose":["benefits"],"patient":P,"created":D,"request":@CoverageEligibilityRequest,"outcome":"complete","insurer":@Organization
DetectedIssue "status":"final"
DeviceRequest "intent":"order","codeCodeableConcept":T,"subject":P
DeviceUseStatement "status":"active","subject":P,"device":@Device
DiagnosticReport "status":"final","code":T
DocumentManifest "status":"current","content":[P]
DocumentReference "status":"current","content":[{"attachment":{"title":"x"}}]
Encounter "status":"finished","class":{"code":"AMB"}
EpisodeOfCare "status":"active","patient":P
ExplanationOfBenefit "status":"active","type":T,"use":"claim","patient":P,"created":D,"insurer":@Organization,"provider":@Practitioner,"outcome":"complete","insurance":[{"focal":true,"coverage":@Coverage}]
FamilyMemberHistory "status":"completed","patient":P,"relationship":T
Flag "status":"active","code":T,"subject":P
Goal "lifecycleStatus":"active","description":T,"subject":P
GuidanceResponse "moduleUri":"http://x","status":"success"
ImagingStudy "status":"available","subject":P
Immunization "status":"completed","vaccineCode":T,"patient":P,"occurrenceDateTime":D
ImmunizationEvaluation "status":"completed","patient":P,"targetDisease":T,"immunizationEvent":@Immunization,"doseStatus":T
ImmunizationRecommendation "patient":P,"date":D,"recommendation":[{"forecastStatus":T}]
Invoice "status":"draft"
List "status":"current","mode":"working"
MeasureReport "status":"complete","type":"individual","measure":"http://x","period":{"start":D}
Media "status":"completed","content":{"title":"x"}
MedicationAdministration "status":"completed","medicationCodeableConcept":T,"subject":P,"effectiveDateTime":D
MedicationDispense "status":"completed","medicationCodeableConcept":T
MedicationRequest "status":"active","intent":"order","medicationCodeableConcept":T,"subject":P
MedicationStatement "status":"active","medicationCodeableConcept":T,"subject":P
MolecularSequence "coordinateSystem":0
NutritionOrder "status":"active","intent":"order","patient":P,"dateTime":D
Observation "status":"final","code":T
Procedure "status":"completed","subject":P
Provenance "target":[P],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":P}]
QuestionnaireResponse "status":"completed"
RelatedPerson "patient":P
RequestGroup "status":"active","intent":"order"
ResearchSubject "status":"candidate","study":@ResearchStudy,"individual":P
RiskAssessment "status":"final","subject":P
Schedule "actor":[P]
ServiceRequest "status":"active","intent":"order","subject":P
SupplyRequest "itemCodeableConcept":T,"quantity":{"value":1}
Task "status":"requested","intent":"order"
VisionPrescription "status":"active","created":D,"patient":P,"dateWritten":D,"prescriber":@Practitioner,"lensSpecification":[{"product":T,"eye":"left"}]
`

// referring is a reference to a type in needs.
var referring = regexp.MustCompile(`@(\w+)`)

// least is the smallest resource of a type, in a language.
func least(typ, id, language string) string {
	more := ""
	for line := range strings.Lines(needs) {
		if name, members, _ := strings.Cut(strings.TrimSpace(line), " "); name == typ {
			more = "," + strings.NewReplacer(":P", `:{"reference":"Patient/p1"}`, "[P]", `[{"reference":"Patient/p1"}]`,
				":T", `:{"text":"x"}`, "[T]", `[{"text":"x"}]`, ":D", `:"2026-01-01"`).Replace(referring.ReplaceAllString(members, `{"reference":"$1/1"}`))
		}
	}
	return fmt.Sprintf(`{"resourceType":%q,"id":%q,"language":%q%s}`, typ, id, language, more)
}

// TestMetadata takes the CapabilityStatement at its word: each interaction, parameter,
// include, operation, condition and format that it names is asked for and answered, of each
// type; and what it does not name is refused.
func TestMetadata(t *testing.T) {
	d, looks := watched(t)
	jobs, err := bulk.Open(bulk.Config{Folder: t.TempDir(), Records: d.store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := jobs.Close(); err != nil {
			t.Error(err)
		}
	})
	c := doorConfig(d, unread{d.store, d})
	c.Trail, c.Exports = looks, jobs
	d.door = fhir.New(c)
	d.do("PUT", "/fhir/Patient/p1", least("Patient", "p1", "en")).want(201)
	d.do("GET", "/fhir/Patient/p1", "").want(200) // which makes an AuditEvent
	s := d.stated()
	if s.FHIRVersion != "4.0.1" || len(s.Rest) != 1 {
		t.Fatalf("FHIR %s, %d rests", s.FHIRVersion, len(s.Rest))
	}
	names := make(map[string]bool) // of parameters of any type
	for _, r := range s.Rest[0].Resource {
		for _, p := range r.SearchParam {
			names[p.Name] = true
		}
	}
	if n := len(s.Rest[0].Resource); n < 60 || len(names) < 100 {
		t.Fatalf("%d types, %d parameters: the walk is of nothing", n, len(names))
	}
	for _, r := range s.Rest[0].Resource {
		t.Run(r.Type, func(t *testing.T) {
			d.t = t
			searchedAsStated(d, r, names)
			operatedAsStated(d, r)
			changedAsStated(d, r)
		})
	}
	d.t = t
	wholeAsStated(d, s)
}

// searchedAsStated asks a type by what it is searched by, and by what others are.
func searchedAsStated(d *desk, r statedType, names map[string]bool) {
	d.t.Helper()
	const strict = "Prefer: handling=strict"
	ask := func(name, value string, want int) reply {
		d.t.Helper()
		query := url.Values{name: {value}}.Encode()
		got := d.do("GET", "/fhir/"+r.Type+"?"+query, "", strict).want(want)
		if want == 200 && !strings.Contains(got.bundle().link("self"), query) {
			d.t.Errorf("%s is not in the self link %s", query, got.bundle().link("self"))
		}
		return got
	}
	values := map[string]string{"date": "1985", "quantity": "5.4", "reference": "p1", "token": "x", "string": "x", "uri": "urn:x"}
	stated := make(map[string]bool)
	for _, p := range r.SearchParam {
		stated[p.Name] = true
		value := values[p.Type]
		if p.Name == "target" {
			value = "Patient/p1" // it may be of any type
		}
		ask(p.Name, value, 200)
	}
	for name := range names {
		if !stated[name] {
			ask(name, "2026", 400)
		}
	}
	for _, include := range r.SearchInclude {
		ask("_include", include, 200)
	}
	for _, include := range r.SearchRevInclude {
		ask("_revinclude", include, 200)
	}
	ask("_include", r.Type+":nothing", 400)
	ask("_revinclude", "Observation:code", 400)
}

// operatedAsStated calls the operations of a type, and some that it does not have.
func operatedAsStated(d *desk, r statedType) {
	d.t.Helper()
	at := "/fhir/" + r.Type
	if r.has("resolve") != r.has("conflicts") {
		d.t.Errorf("operations %v", r.Operation)
	}
	if r.has("conflicts") {
		first := d.do("PUT", at+"/torn", least(r.Type, "torn", "en")).want(201)
		ours := d.do("PUT", at+"/torn", least(r.Type, "torn", "nl")).want(200).version()
		state, err := d.store.Record(d.t.Context(), events.Record{Type: r.Type, ID: "torn"})
		if err != nil {
			d.t.Fatal(err)
		}
		theirs := d.elsewhere(r.Type+"/torn", state.Patient, least(r.Type, "torn", "fr"), first.version())
		heads := d.do("GET", at+"/torn/$conflicts", "").want(200).Body.String()
		if !strings.Contains(heads, ours.String()) || !strings.Contains(heads, theirs.String()) {
			d.t.Errorf("$conflicts: %s", heads)
		}
		keep := fmt.Sprintf(`{"name":"keep","valueId":%q}`, theirs)
		d.do("POST", at+"/torn/$resolve", parameters([]events.ID{ours, theirs}, keep)).want(200)
	} else {
		d.do("GET", at+"/torn/$conflicts", "").want(404)
		d.do("POST", at+"/torn/$resolve", parameters(nil)).want(404)
	}
	want := map[bool]int{true: 200, false: 404}
	d.do("GET", at+"/p1/$everything", "").want(want[r.has("everything")])
	status := map[bool]int{true: 202, false: 404}[r.has("patient-export")]
	if got := d.ask("GET", at+"/$export", "", "Prefer: respond-async", "Accept: application/fhir+json"); got.Code != status {
		d.t.Errorf("$export of %s: %d, want %d", r.Type, got.Code, status)
	}
	for _, o := range []string{"$validate", "$meta", "$lastn", "$expand", "$lookup", "$docref", "$match"} {
		for _, method := range []string{"GET", "POST"} {
			for _, where := range []string{at + "/", at + "/torn/"} {
				d.do(method, where+o, map[string]string{"POST": parameters(nil)}[method]).want(404)
			}
		}
	}
}

// changedAsStated does to a record of a type all that can be done to it, from its
// creation to its end.
func changedAsStated(d *desk, r statedType) {
	d.t.Helper()
	at := "/fhir/" + r.Type
	const patch = "Content-Type: application/json-patch+json"
	id, version := "x", ""
	if !r.does("update") {
		entry := d.do("GET", at+"?patient=p1", "").want(200).bundle().Entry[0]
		id = entry.FullURL[strings.LastIndex(entry.FullURL, "/")+1:]
	}
	body := func(language string) string { return least(r.Type, id, language) }
	// A wish that was not stated is refused as no method of the place.
	try := func(stated bool, ok int, method, path, body string, headers ...string) reply {
		d.t.Helper()
		if !stated {
			ok = 405
		}
		return d.do(method, path, body, headers...).want(ok)
	}
	try(r.does("create"), 201, "POST", at, body("en"))
	try(r.ConditionalCreate, 201, "POST", at, body("en"), "If-None-Exist: identifier=none")
	if made := try(r.does("update") && r.UpdateCreate, 201, "PUT", at+"/"+id, body("en")); made.Code == 201 {
		try(r.ConditionalCreate, 200, "POST", at, body("en"), "If-None-Exist: _id="+id)
		stale := made.Header().Get("ETag")
		try(true, 200, "PUT", at+"/"+id, body("nl"))
		if r.Versioning != "versioned" { // which is to say that If-Match is heeded and not required
			d.t.Errorf("versioning %q", r.Versioning)
		}
		try(true, 412, "PUT", at+"/"+id, body("fr"), "If-Match: "+stale)
	}
	try(r.does("patch"), 200, "PATCH", at+"/"+id, `[{"op":"replace","path":"/language","value":"de"}]`, patch)
	try(r.ConditionalUpdate, 200, "PUT", at+"?_id="+id, body("it"))
	try(r.ConditionalUpdate && r.does("patch"), 200, "PATCH", at+"?_id="+id, "[]", patch)
	try(r.does("search-type"), 200, "GET", at, "")
	read := try(r.does("read"), 200, "GET", at+"/"+id, "")
	version = strings.TrimSuffix(strings.TrimPrefix(read.Header().Get("ETag"), `W/"`), `"`)
	if version == "" {
		version = "1" // of an AuditEvent
	}
	try(r.does("vread"), 200, "GET", at+"/"+id+"/_history/"+version, "")
	if r.ConditionalRead == "full-support" {
		d.do("GET", at+"/"+id, "", "If-None-Match: "+read.Header().Get("ETag")).want(304)
		d.do("GET", at+"/"+id, "", "If-Modified-Since: Mon, 01 Jan 2085 00:00:00 GMT").want(304)
	} else if read.Header().Get("ETag") != "" || r.ConditionalRead != "not-supported" {
		d.t.Errorf("a conditional read is %q, and the ETag %q", r.ConditionalRead, read.Header().Get("ETag"))
	}
	try(r.does("history-instance"), 200, "GET", at+"/"+id+"/_history", "")
	try(r.does("history-type"), 200, "GET", at+"/_history?_count=1", "")
	try(r.does("delete"), 204, "DELETE", at+"/"+id, "")
	if r.ReadHistory && r.does("delete") {
		d.do("GET", at+"/"+id, "").want(410)
		d.do("GET", at+"/"+id+"/_history/"+version, "").want(200)
	}
	single := r.ConditionalDelete == "single"
	try(single, 204, "DELETE", at+"?_id=torn", "")
	if !single && r.ConditionalDelete != "not-supported" {
		d.t.Errorf("a conditional delete is %q", r.ConditionalDelete)
	}
	if single { // and never several: two are there
		d.do("POST", at, body("en")).want(201)
		d.do("DELETE", at+"?_lastUpdated=gt2000", "").want(412)
	}
}

// wholeAsStated asks for what is of no type.
func wholeAsStated(d *desk, s stated) {
	d.t.Helper()
	stated := make(map[string]bool)
	for _, i := range s.Rest[0].Interaction {
		stated[i.Code] = true
	}
	for _, o := range s.Rest[0].Operation {
		stated["$"+o.Name] = true
	}
	want := map[string]bool{"transaction": true, "batch": true, "history-system": true, "$export": true}
	if fmt.Sprint(stated) != fmt.Sprint(want) {
		d.t.Errorf("of the whole it says %v", stated)
	}
	for _, kind := range []string{"transaction", "batch"} {
		d.do("POST", "/fhir", posted(kind)).want(200)
	}
	d.do("GET", "/fhir/_history", "").want(200)
	if got := d.ask("GET", "/fhir/$export", "", "Prefer: respond-async", "Accept: application/fhir+json"); got.Code != 202 {
		d.t.Errorf("$export: %d %s", got.Code, got.Body)
	}
	d.do("GET", "/fhir?_id=p1", "").want(405) // search-system
	d.do("POST", "/fhir/_search", "_id=p1", "Content-Type: application/x-www-form-urlencoded").want(404)
	d.do("GET", "/fhir/$versions", "").want(404)

	for _, format := range s.Format {
		d.do("GET", "/fhir/Patient/p1?_format="+url.QueryEscape(format), "").want(200)
		if strings.Contains(format, "/") {
			d.do("GET", "/fhir/metadata", "", "Accept: "+format).want(200)
		}
	}
	for _, format := range []string{"application/fhir+xml", "application/fhir+turtle"} {
		d.do("GET", "/fhir/metadata", "", "Accept: "+format).want(406)
		d.do("PUT", "/fhir/Basic/n1", "<Basic/>", "Content-Type: "+format).want(415)
	}
	if !slices.Equal(s.PatchFormat, []string{"application/json-patch+json"}) {
		d.t.Errorf("patches %v", s.PatchFormat)
	}
	for _, format := range []string{"application/xml-patch+xml", "application/fhir+json", "application/merge-patch+json"} {
		d.do("PATCH", "/fhir/Patient/p1", "[]", "Content-Type: "+format).want(415)
	}
}

// TestTypesThatAreOffered: the CapabilityStatement names the types by which something is
// found. What else R4 has is kept where it comes, and not offered; what can be no record,
// and what would be a promise that nobody keeps, is refused.
func TestTypesThatAreOffered(t *testing.T) {
	d := newDesk(t)
	offered := make(map[string]bool)
	for _, r := range d.stated().Rest[0].Resource {
		offered[r.Type] = true
		if len(r.SearchParam) < 6 && r.Type != "Binary" {
			t.Errorf("%s is offered, and found by nothing of its own", r.Type)
		}
	}
	// Section 4 of what an EHR expects of a general practitioner's server.
	for _, typ := range strings.Fields(`Patient Practitioner PractitionerRole Organization RelatedPerson Encounter EpisodeOfCare Condition
		AllergyIntolerance MedicationStatement MedicationRequest MedicationDispense Immunization Observation DiagnosticReport ServiceRequest
		Procedure CarePlan Consent DocumentReference Binary Appointment Task Communication Provenance AuditEvent Basic`) {
		if !offered[typ] && typ != "AuditEvent" { // made of the trail, which this desk does not keep
			t.Errorf("%s is not offered", typ)
		}
	}
	kept := 0
	for _, typ := range structure.Types() {
		status := d.do("GET", "/fhir/"+typ, "").Code
		switch {
		case typ == "Parameters" || typ == "OperationOutcome":
			if status != http.StatusNotFound || offered[typ] {
				t.Errorf("%s is only ever sent: %d", typ, status)
			}
		case status != http.StatusOK:
			t.Errorf("%s: %d, it may be here", typ, status)
		case !offered[typ]:
			kept++
		}
	}
	const body = `{"resourceType":"Questionnaire","id":"q1","status":"draft","version":"1.00"}`
	if got := d.do("PUT", "/fhir/Questionnaire/q1", body).want(201); offered["Questionnaire"] || kept == 0 || !strings.Contains(got.Body.String(), `"version":"1.00"`) {
		t.Errorf("%d types are kept beside those offered: %s", kept, got.Body)
	}
	const subscription = `{"resourceType":"Subscription","id":"s1","status":"requested","reason":"x","criteria":"Observation?code=1","channel":{"type":"rest-hook"}}`
	for _, got := range []reply{
		d.do("PUT", "/fhir/Subscription/s1", subscription), d.do("POST", "/fhir/Subscription", subscription),
		d.do("POST", "/fhir", posted("transaction", entryOf("", subscription, "PUT", "Subscription/s1", ""))),
	} {
		if got.want(422).issueCode() != "not-supported" || !strings.Contains(got.Body.String(), "/fhir/_events") {
			t.Errorf("got %s", got.Body)
		}
	}
}

package synthetic

import "encoding/json"

// The parts of FHIR R4 that the practice is written in. Elements stand in the order
// of the specification; numbers are json.Number, so that 7.0 keeps its zero.

type head struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         *meta  `json:"meta,omitempty"`
}

type meta struct {
	Profile []string `json:"profile"`
}

// be names a profile of the Belgian core.
func be(profile string) *meta {
	return &meta{Profile: []string{core + "StructureDefinition/" + profile}}
}

const (
	core        = "https://www.ehealth.fgov.be/standards/fhir/core/"
	nsSSIN      = core + "NamingSystem/ssin"
	nsNIHDI     = core + "NamingSystem/nihdi"
	nsCNK       = "https://www.ehealth.fgov.be/standards/fhir/medication/NamingSystem/cnk-codes"
	nsATC       = "http://www.whocc.no/atc"
	nsICPC2     = "http://hl7.org/fhir/sid/icpc-2"
	nsICD10     = "http://hl7.org/fhir/sid/icd-10"
	nsLOINC     = "http://loinc.org"
	nsUCUM      = "http://unitsofmeasure.org"
	terminology = "http://terminology.hl7.org/CodeSystem/"
)

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

func coded(system, code string) *concept {
	return &concept{Coding: []coding{{System: system, Code: code}}}
}

func loinc(code, display string) *concept {
	return &concept{Coding: []coding{{System: nsLOINC, Code: code, Display: display}}}
}

type reference struct {
	Reference string `json:"reference"`
}

func to(h head) *reference { return &reference{h.ResourceType + "/" + h.ID} }

type identifier struct {
	Use    string   `json:"use,omitempty"`
	Type   *concept `json:"type,omitempty"`
	System string   `json:"system"`
	Value  string   `json:"value"`
}

type humanName struct {
	Use    string   `json:"use,omitempty"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Prefix []string `json:"prefix,omitempty"`
}

type contactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use,omitempty"`
}

type extension struct {
	URL         string `json:"url"`
	ValueString string `json:"valueString,omitempty"`
}

type element struct {
	Extension []extension `json:"extension"`
}

type address struct {
	Use        string    `json:"use"`
	Type       string    `json:"type,omitempty"`
	Line       []string  `json:"line"`
	LineParts  []element `json:"_line,omitempty"`
	City       string    `json:"city"`
	PostalCode string    `json:"postalCode"`
	Country    string    `json:"country"`
}

type period struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
}

type quantity struct {
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	System string      `json:"system"`
	Code   string      `json:"code"`
}

type annotation struct {
	Text string `json:"text"`
}

type organization struct {
	head
	Identifier []identifier   `json:"identifier"`
	Active     bool           `json:"active"`
	Type       []concept      `json:"type"`
	Name       string         `json:"name"`
	Telecom    []contactPoint `json:"telecom"`
	Address    []address      `json:"address"`
}

type practitioner struct {
	head
	Identifier    []identifier    `json:"identifier"`
	Active        bool            `json:"active"`
	Name          []humanName     `json:"name"`
	Telecom       []contactPoint  `json:"telecom"`
	Gender        string          `json:"gender"`
	Qualification []qualification `json:"qualification"`
}

type qualification struct {
	Code   concept    `json:"code"`
	Issuer *reference `json:"issuer,omitempty"`
}

type patient struct {
	head
	Identifier           []identifier    `json:"identifier,omitempty"`
	Active               bool            `json:"active"`
	Name                 []humanName     `json:"name"`
	Telecom              []contactPoint  `json:"telecom,omitempty"`
	Gender               string          `json:"gender"`
	BirthDate            string          `json:"birthDate"`
	DeceasedDateTime     string          `json:"deceasedDateTime,omitempty"`
	Address              []address       `json:"address"`
	Communication        []communication `json:"communication"`
	GeneralPractitioner  []*reference    `json:"generalPractitioner"`
	ManagingOrganization *reference      `json:"managingOrganization"`
}

type communication struct {
	Language  concept `json:"language"`
	Preferred bool    `json:"preferred"`
}

type encounter struct {
	head
	Status          string        `json:"status"`
	Class           coding        `json:"class"`
	Subject         *reference    `json:"subject"`
	Participant     []participant `json:"participant"`
	Period          period        `json:"period"`
	ReasonCode      []concept     `json:"reasonCode"`
	ServiceProvider *reference    `json:"serviceProvider"`
}

type participant struct {
	Individual *reference `json:"individual"`
}

type condition struct {
	head
	ClinicalStatus     *concept     `json:"clinicalStatus"`
	VerificationStatus *concept     `json:"verificationStatus"`
	Category           []*concept   `json:"category"`
	Code               concept      `json:"code"`
	Subject            *reference   `json:"subject"`
	Encounter          *reference   `json:"encounter,omitempty"`
	OnsetDateTime      string       `json:"onsetDateTime"`
	AbatementDateTime  string       `json:"abatementDateTime,omitempty"`
	RecordedDate       string       `json:"recordedDate"`
	Recorder           *reference   `json:"recorder"`
	Note               []annotation `json:"note,omitempty"`
}

type allergy struct {
	head
	ClinicalStatus     *concept   `json:"clinicalStatus"`
	VerificationStatus *concept   `json:"verificationStatus"`
	Category           []string   `json:"category"`
	Criticality        string     `json:"criticality"`
	Code               concept    `json:"code"`
	Patient            *reference `json:"patient"`
	RecordedDate       string     `json:"recordedDate"`
	Recorder           *reference `json:"recorder"`
	Reaction           []reaction `json:"reaction"`
}

type reaction struct {
	Manifestation []concept `json:"manifestation"`
	Severity      string    `json:"severity"`
}

type medication struct {
	head
	Status            string       `json:"status"`
	Medication        concept      `json:"medicationCodeableConcept"`
	Subject           *reference   `json:"subject"`
	EffectivePeriod   period       `json:"effectivePeriod"`
	DateAsserted      string       `json:"dateAsserted"`
	InformationSource *reference   `json:"informationSource"`
	ReasonReference   []*reference `json:"reasonReference,omitempty"`
	Dosage            []dosage     `json:"dosage"`
}

type dosage struct {
	Text   string `json:"text"`
	Timing timing `json:"timing"`
}

type timing struct {
	Repeat repeat `json:"repeat"`
}

type repeat struct {
	Frequency  int    `json:"frequency"`
	Period     int    `json:"period"`
	PeriodUnit string `json:"periodUnit"`
}

type immunization struct {
	head
	Status        string      `json:"status"`
	VaccineCode   concept     `json:"vaccineCode"`
	Patient       *reference  `json:"patient"`
	Occurrence    string      `json:"occurrenceDateTime"`
	Recorded      string      `json:"recorded"`
	PrimarySource bool        `json:"primarySource"`
	Performer     []performer `json:"performer"`
}

type performer struct {
	Actor *reference `json:"actor"`
}

type observation struct {
	head
	Status    string       `json:"status"`
	Category  []*concept   `json:"category"`
	Code      concept      `json:"code"`
	Subject   *reference   `json:"subject"`
	Encounter *reference   `json:"encounter"`
	Effective string       `json:"effectiveDateTime"`
	Performer []*reference `json:"performer"`
	Value     *quantity    `json:"valueQuantity,omitempty"`
	Component []component  `json:"component,omitempty"`
}

type component struct {
	Code  concept   `json:"code"`
	Value *quantity `json:"valueQuantity"`
}

type document struct {
	head
	Status  string       `json:"status"`
	Type    concept      `json:"type"`
	Subject *reference   `json:"subject"`
	Date    string       `json:"date"`
	Author  []*reference `json:"author"`
	Content []content    `json:"content"`
	Context *docContext  `json:"context"`
}

type content struct {
	Attachment attachment `json:"attachment"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Language    string `json:"language"`
	Data        []byte `json:"data"` // base64
}

type docContext struct {
	Encounter []*reference `json:"encounter"`
}

package sumehr

import "encoding/json"

// The parts of FHIR R4 that a Sumehr is made from. What is not named here does not go in.
// Numbers are texts.

type head struct {
	Language  string      `json:"language"`
	Meta      meta        `json:"meta"`
	Extension []extension `json:"extension"`
	Contained []contained `json:"contained"`
}

type meta struct {
	Security []coding `json:"security"`
	Tag      []coding `json:"tag"`
}

type contained struct {
	ID   string  `json:"id"`
	Code concept `json:"code"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display"`
}

type concept struct {
	Coding []coding `json:"coding"`
	Text   string   `json:"text"`
}

type reference struct {
	Reference string `json:"reference"`
}

type identifier struct {
	Use       string      `json:"use"`
	System    string      `json:"system"`
	Value     string      `json:"value"`
	Period    period      `json:"period"`
	Extension []extension `json:"extension"`
}

type period struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type quantity struct {
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	System string      `json:"system"`
	Code   string      `json:"code"`
}

type span struct {
	Low  quantity `json:"low"`
	High quantity `json:"high"`
}

type extension struct {
	URL                  string      `json:"url"`
	ValueString          string      `json:"valueString"`
	ValueCode            string      `json:"valueCode"`
	ValuePositiveInt     json.Number `json:"valuePositiveInt"`
	ValueCodeableConcept *concept    `json:"valueCodeableConcept"`
	ValueCoding          *coding     `json:"valueCoding"`
}

type element struct {
	Extension []extension `json:"extension"`
}

type note struct {
	Text string `json:"text"`
}

type humanName struct {
	Use    string   `json:"use"`
	Text   string   `json:"text"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Period period   `json:"period"`
}

type address struct {
	Use        string     `json:"use"`
	Text       string     `json:"text"`
	Line       []string   `json:"line"`
	LineParts  []*element `json:"_line"`
	City       string     `json:"city"`
	PostalCode string     `json:"postalCode"`
	Country    string     `json:"country"`
	Period     period     `json:"period"`
}

type contactPoint struct {
	System string `json:"system"`
	Value  string `json:"value"`
	Use    string `json:"use"`
	Period period `json:"period"`
}

type condition struct {
	head
	ClinicalStatus     concept   `json:"clinicalStatus"`
	VerificationStatus concept   `json:"verificationStatus"`
	Category           []concept `json:"category"`
	Code               concept   `json:"code"`
	OnsetDateTime      string    `json:"onsetDateTime"`
	OnsetPeriod        period    `json:"onsetPeriod"`
	OnsetAge           quantity  `json:"onsetAge"`
	OnsetRange         span      `json:"onsetRange"`
	OnsetString        string    `json:"onsetString"`
	AbatementDateTime  string    `json:"abatementDateTime"`
	AbatementPeriod    period    `json:"abatementPeriod"`
	AbatementAge       quantity  `json:"abatementAge"`
	AbatementRange     span      `json:"abatementRange"`
	AbatementString    string    `json:"abatementString"`
	RecordedDate       string    `json:"recordedDate"`
}

type allergy struct {
	head
	ClinicalStatus     concept  `json:"clinicalStatus"`
	VerificationStatus concept  `json:"verificationStatus"`
	Type               string   `json:"type"`
	Category           []string `json:"category"`
	Code               concept  `json:"code"`
	OnsetDateTime      string   `json:"onsetDateTime"`
	OnsetPeriod        period   `json:"onsetPeriod"`
	OnsetAge           quantity `json:"onsetAge"`
	OnsetRange         span     `json:"onsetRange"`
	OnsetString        string   `json:"onsetString"`
	RecordedDate       string   `json:"recordedDate"`
	Reaction           []struct {
		Substance     concept   `json:"substance"`
		Manifestation []concept `json:"manifestation"`
	} `json:"reaction"`
}

type flag struct {
	head
	Status string  `json:"status"`
	Code   concept `json:"code"`
	Period period  `json:"period"`
}

type observation struct {
	head
	Status    string    `json:"status"`
	Category  []concept `json:"category"`
	Code      concept   `json:"code"`
	Effective string    `json:"effectiveDateTime"`
	Period    period    `json:"effectivePeriod"`
	Value     concept   `json:"valueCodeableConcept"`
	Text      string    `json:"valueString"`
}

type familyHistory struct {
	head
	Status       string  `json:"status"`
	Date         string  `json:"date"`
	Relationship concept `json:"relationship"`
	Condition    []struct {
		Code concept `json:"code"`
	} `json:"condition"`
}

type riskAssessment struct {
	head
	Status     string  `json:"status"`
	Code       concept `json:"code"`
	Occurrence string  `json:"occurrenceDateTime"`
	Period     period  `json:"occurrencePeriod"`
	Prediction []struct {
		Outcome concept `json:"outcome"`
	} `json:"prediction"`
}

type procedure struct {
	head
	Status          string   `json:"status"`
	Code            concept  `json:"code"`
	PerformedAt     string   `json:"performedDateTime"`
	PerformedPeriod period   `json:"performedPeriod"`
	PerformedString string   `json:"performedString"`
	PerformedAge    quantity `json:"performedAge"`
	PerformedRange  span     `json:"performedRange"`
}

type carePlan struct {
	head
	Status   string `json:"status"`
	Period   period `json:"period"`
	Activity []struct {
		Detail *struct {
			Code        concept `json:"code"`
			Status      string  `json:"status"`
			Description string  `json:"description"`
			Scheduled   period  `json:"scheduledPeriod"`
		} `json:"detail"`
	} `json:"activity"`
}

// medication is a MedicationStatement or a MedicationRequest.
type medication struct {
	head
	Status          string    `json:"status"`
	Intent          string    `json:"intent"`
	DoNotPerform    bool      `json:"doNotPerform"`
	Concept         concept   `json:"medicationCodeableConcept"`
	Reference       reference `json:"medicationReference"`
	EffectiveAt     string    `json:"effectiveDateTime"`
	EffectivePeriod period    `json:"effectivePeriod"`
	DateAsserted    string    `json:"dateAsserted"`
	AuthoredOn      string    `json:"authoredOn"`
	Course          concept   `json:"courseOfTherapyType"`
	Dosage          []dosage  `json:"dosage"`
	Instruction     []dosage  `json:"dosageInstruction"`
}

type dosage struct {
	Extension          []extension `json:"extension"`
	Text               string      `json:"text"`
	PatientInstruction string      `json:"patientInstruction"`
	AsNeeded           bool        `json:"asNeededBoolean"`
	Timing             struct {
		Code   concept `json:"code"`
		Repeat struct {
			Bounds     period      `json:"boundsPeriod"`
			Frequency  json.Number `json:"frequency"`
			Most       json.Number `json:"frequencyMax"`
			Period     json.Number `json:"period"`
			PeriodUnit string      `json:"periodUnit"`
			DayOfWeek  []string    `json:"dayOfWeek"`
			TimeOfDay  []string    `json:"timeOfDay"`
			When       []string    `json:"when"`
		} `json:"repeat"`
	} `json:"timing"`
	DoseAndRate []struct {
		Quantity quantity `json:"doseQuantity"`
		Range    span     `json:"doseRange"`
	} `json:"doseAndRate"`
}

type immunization struct {
	head
	Status           string  `json:"status"`
	VaccineCode      concept `json:"vaccineCode"`
	Occurrence       string  `json:"occurrenceDateTime"`
	OccurrenceString string  `json:"occurrenceString"`
	Recorded         string  `json:"recorded"`
	LotNumber        string  `json:"lotNumber"`
	Note             []note  `json:"note"`
	ProtocolApplied  []struct {
		TargetDisease []concept `json:"targetDisease"`
	} `json:"protocolApplied"`
}

type consent struct {
	head
	Status     string    `json:"status"`
	Scope      concept   `json:"scope"`
	Category   []concept `json:"category"`
	DateTime   string    `json:"dateTime"`
	PolicyRule concept   `json:"policyRule"`
	Provision  struct {
		Period period    `json:"period"`
		Code   []concept `json:"code"`
	} `json:"provision"`
}

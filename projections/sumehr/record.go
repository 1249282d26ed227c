package sumehr

import (
	"errors"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// Record is a record of the dossier, or one of the practice that it refers to.
type Record struct {
	events.Record
	Heads []Head // the one shown first; more than one: it is in conflict
}

// Head is a version of a record that no other replaces.
type Head struct {
	Version events.ID
	Body    []byte // FHIR R4 in JSON; nil: deleted, or Unopened
	// Unopened says that there is a content and nobody can read it here (yet).
	Unopened bool
}

// Hub is where the message goes.
type Hub struct{ EHP, Name string }

// Vitalink is the hub of Flanders.
var Vitalink = Hub{EHP: "1990001916", Name: "VITALINK"}

// Input is all that a Sumehr is made from.
type Input struct {
	Patient string // id
	// Records of the dossier, the Patient included, and those that References names.
	Records []Record
	// Author is the id of the Practitioner who answers for the Sumehr. Empty: the author of
	// the newest Composition of a summary, or the patient's general practitioner.
	Author string
	// At is when the Sumehr is made, in the time zone that it is written in.
	At time.Time
	// Language of what the author writes (nl, fr, de, en); empty: that of the record or else
	// of the patient.
	Language string
	Software string // name and version; empty: carelog
	Hub      Hub    // empty: Vitalink
	// Replaces is the hub's uri of the Sumehr that this one is a new version of; empty: it is
	// the first. See NextURI.
	Replaces string
	// Mark is by what whoever sends the message knows it again on the hub: the identifier of
	// the transaction in the system check.LocalSystem. Empty: none.
	Mark string
}

// Summary is a Sumehr, and what it was made from.
type Summary struct {
	Message *kmehr.Element
	// Findings are those of package check, and what could not go in.
	Findings []check.Finding
	// Made are the versions that the message says something of, or holds back: in the order
	// of their names. Those of a record in conflict are all there.
	Made []Made
	// Conflicts are the records among them that have more than one head: what the message
	// says of them is not settled.
	Conflicts []events.Record
}

// Made is a version that a Sumehr was made from.
type Made struct {
	Record  events.Record
	Version events.ID
}

// Errors of a dossier of which no Sumehr can be made.
var (
	ErrNoPatient    = errors.New("the record of the patient is not there, so there is nobody to make a Sumehr of")
	ErrConfidential = errors.New("the whole dossier is marked as confidential: no Sumehr is made of it")
)

// XML is the message as it is sent.
func (s *Summary) XML() []byte { return kmehr.Write(s.Message) }

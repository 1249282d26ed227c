package fhirjson

import (
	"errors"

	"github.com/carelog/carelog/events"
)

// Of the FHIR Basic that says that somebody has seen a warning which does not end by itself.
const (
	WarningSystem    = "https://carelog.eu/fhir/CodeSystem/warning"
	warningFactURL   = "https://carelog.eu/fhir/StructureDefinition/warning-fact"
	warningTextURL   = "https://carelog.eu/fhir/StructureDefinition/warning-text"
	warningReasonURL = "https://carelog.eu/fhir/StructureDefinition/warning-reason"
)

// Acknowledged is a warning that somebody has seen. Who, and when, is told by the event.
type Acknowledged struct {
	Code   string
	Fact   string // what exactly the warning was of: it is acknowledged for as long as it is of the same
	Text   string // as it was shown
	Reason string
}

// ErrNoAcknowledgement says that a resource is another one: there may be any Basic in a practice.
var ErrNoAcknowledgement = errors.New("the resource is no Basic that acknowledges a warning")

// AcknowledgedOf reads the Basic of a warning that somebody has seen.
func AcknowledgedOf(body []byte) (a Acknowledged, err error) {
	t, err := parse(body)
	if err != nil {
		return a, err
	}
	defer t.free()
	if t.textAt(root, "resourceType") != "Basic" {
		return a, ErrNoAcknowledgement
	}
	if code, ok := t.member(root, "code"); ok {
		if codings, ok := t.member(code, "coding"); ok {
			for c := range t.children(codings) {
				if t.textAt(c, "system") == WarningSystem {
					a.Code = t.textAt(c, "code")
				}
			}
		}
	}
	if extensions, ok := t.member(root, "extension"); ok {
		for c := range t.children(extensions) {
			switch said := t.textAt(c, "valueString"); t.textAt(c, "url") {
			case warningFactURL:
				a.Fact = said
			case warningTextURL:
				a.Text = said
			case warningReasonURL:
				a.Reason = said
			}
		}
	}
	if a.Code == "" || a.Fact == "" {
		return Acknowledged{}, ErrNoAcknowledgement
	}
	return a, nil
}

// AcknowledgedResource writes the Basic of a warning that somebody has seen; AcknowledgedOf reads it.
func AcknowledgedResource(of events.Record, a Acknowledged) []byte {
	out := appendMember([]byte("{"), "resourceType", of.Type)
	out = appendMember(append(out, ','), "id", of.ID)
	out = append(out, `,"extension":[`...)
	out = appendText(out, warningFactURL, a.Fact)
	out = appendText(append(out, ','), warningTextURL, a.Text)
	out = appendText(append(out, ','), warningReasonURL, a.Reason)
	out = append(out, `],"code":{"coding":[{`...)
	out = appendMember(out, "system", WarningSystem)
	out = appendMember(append(out, ','), "code", a.Code)
	return append(out, "}]}}"...)
}

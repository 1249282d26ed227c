package fhirjson

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/carelog/carelog/events"
)

// own says that records of a type belong to the practice, not to a dossier, even
// where they mention a patient.
var own = []string{}

// patientElements names, for the types where it is not subject or patient, the
// elements that refer to the patient whose record it is (the patient compartment of
// FHIR R4). The first that names a Patient decides.
var patientElements = map[string][]string{
	"Account":                 {"subject"},
	"Appointment":             {"participant.actor"},
	"AppointmentResponse":     {"actor"},
	"AuditEvent":              own,
	"Binary":                  {"securityContext"},
	"Bundle":                  own,
	"CapabilityStatement":     own,
	"CodeSystem":              own,
	"Coverage":                {"beneficiary", "subscriber"},
	"EnrollmentRequest":       {"candidate"},
	"Group":                   own,
	"HealthcareService":       own,
	"Location":                own,
	"Organization":            own,
	"OrganizationAffiliation": own,
	"Person":                  {"link.target"},
	"Practitioner":            own,
	"PractitionerRole":        own,
	"Provenance":              {"target"},
	"QuestionnaireResponse":   {"subject", "source"},
	"ResearchSubject":         {"individual"},
	"Schedule":                {"actor"},
	"SearchParameter":         own,
	"StructureDefinition":     own,
	"Task":                    {"for"},
	"ValueSet":                own,
}

// usualElements serve all other types: subject and patient are where R4 puts the
// patient of clinical records, the others catch what newer types use.
var usualElements = []string{"patient", "subject", "for", "individual", "beneficiary"}

// PatientOf returns the id of the patient whose dossier a resource belongs to; empty
// for the practice's own records and for what names no patient of the practice: one
// that is contained, known by an identifier only, or of another server. A Patient is
// its own dossier.
//
// A reference may be relative, or a URL on loopback, where only desks of the practice
// serve FHIR. One that no transaction has resolved (urn:uuid:) is an error: the record
// would be missing from a dossier that nobody knows yet.
func PatientOf(body []byte) (patient string, err error) {
	t, err := parse(body)
	if err != nil {
		return "", err
	}
	defer t.free()
	head, err := t.check()
	if err != nil {
		return "", err
	}
	if head.ResourceType == "Patient" {
		if err := events.ValidateID("id", head.ID); err != nil {
			return "", t.fault(root, "Patient.id", err.Error())
		}
		return head.ID, nil
	}
	elements, ok := patientElements[head.ResourceType]
	if !ok {
		elements = usualElements
	}
	for _, path := range elements {
		patient, err := t.patientAt(root, path, head.ResourceType)
		if patient != "" || err != nil {
			return patient, err
		}
	}
	return "", nil
}

// patientAt looks along a path of names, through lists, for a reference to a Patient.
func (t *tree) patientAt(i uint32, path, where string) (string, error) {
	name, rest, deeper := strings.Cut(path, ".")
	c, ok := t.member(i, name)
	if !ok {
		return "", nil
	}
	look := func(i uint32) (string, error) {
		if deeper {
			return t.patientAt(i, rest, where+"."+name)
		}
		return t.patientIn(i, where+"."+name)
	}
	if !t.is(c, array) {
		return look(c)
	}
	for item := range t.children(c) {
		if patient, err := look(item); patient != "" || err != nil {
			return patient, err
		}
	}
	return "", nil
}

// patientIn reads one Reference.
func (t *tree) patientIn(i uint32, where string) (string, error) {
	c, ok := t.member(i, "reference")
	if !ok {
		return "", nil
	}
	reference := t.text(c)
	if strings.HasPrefix(reference, "urn:") {
		return "", t.fault(c, where, fmt.Sprintf("the reference %q is not resolved: want Patient/<id>", clip(reference)))
	}
	id, ok := strings.CutPrefix(local(reference), "Patient/")
	if !ok {
		return "", nil
	}
	id, _, _ = strings.Cut(id, "/_history/")
	if err := events.ValidateID("patient", id); err != nil {
		return "", t.fault(c, where, err.Error())
	}
	return id, nil
}

// local makes a URL on loopback relative to the FHIR door there.
func local(reference string) string {
	if !strings.HasPrefix(reference, "http") { // most are relative
		return reference
	}
	u, err := url.Parse(reference)
	if err != nil {
		return reference
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return reference
	}
	return strings.TrimPrefix(u.EscapedPath(), "/fhir/")
}

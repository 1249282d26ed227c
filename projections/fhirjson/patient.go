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
// that is contained, known by an identifier only, or of another server (see Astray). A
// Patient is its own dossier.
//
// It is for what is about to be written, and takes no reference that is nearly right: the
// record would be missing from a dossier without a word. What is relative is Type/id, maybe
// of a version; a URL on loopback, where only desks of the practice serve FHIR, is that of a
// record there; what a transaction would have resolved (urn:uuid:, Patient?identifier=) is not
// there any more. Else it is an *Error, as it is for JSON that is none. isType knows the types
// that can be named (structure.IsType): of another, such as Patients, nobody is found by it.
func PatientOf(body []byte, isType func(name string) bool) (patient string, err error) {
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
	err = t.referents(head.ResourceType, func(c uint32, where string) (done bool, err error) {
		patient, err = t.patientIn(c, where, isType)
		return patient != "", err
	})
	return patient, err
}

// Astray returns the FHIRPath of the first element of a resource that names a patient who has no dossier here:
// of another server, by an identifier, or within the resource. It is for what PatientOf
// finds no patient in, and empty where another type is named, such as a Group.
func Astray(body []byte) (path string) {
	t, err := parse(body)
	if err != nil {
		return ""
	}
	defer t.free()
	head, err := t.check()
	if err != nil || head.ResourceType == "Patient" {
		return ""
	}
	_ = t.referents(head.ResourceType, func(c uint32, where string) (bool, error) {
		if t.is(c, object) && t.meansPatient(c, where) {
			path = where
		}
		return path != "", nil
	})
	return path
}

// meansPatient reports whether a Reference that names nobody here may name a patient.
func (t *tree) meansPatient(i uint32, where string) bool {
	if typ, ok := t.member(i, "type"); ok {
		return t.text(typ) == "Patient"
	}
	anybody := strings.HasSuffix(where, ".actor") || strings.HasSuffix(where, ".target")
	c, ok := t.member(i, "reference")
	if !ok {
		return !anybody
	}
	reference := t.text(c)
	if strings.HasPrefix(reference, "#") {
		return !anybody
	}
	reference, _, _ = strings.Cut(reference, "/_history/")
	steps := strings.Split(reference, "/")
	if n := len(steps); n > 1 && isType(steps[n-2]) {
		return steps[n-2] == "Patient"
	}
	return !anybody && !isType(strings.SplitN(reference, "?", 2)[0])
}

// referents calls f with the elements that decide whose record a resource of a type is,
// in the order in which they count, until it is done.
func (t *tree) referents(typ string, f func(c uint32, where string) (done bool, err error)) error {
	elements, ok := patientElements[typ]
	if !ok {
		elements = usualElements
	}
	for _, path := range elements {
		if done, err := t.along(root, path, typ, f); done || err != nil {
			return err
		}
	}
	return nil
}

// along calls f with what stands at a path of names, through lists.
func (t *tree) along(i uint32, path, where string, f func(c uint32, where string) (bool, error)) (bool, error) {
	name, rest, deeper := strings.Cut(path, ".")
	c, ok := t.member(i, name)
	if !ok {
		return false, nil
	}
	look := func(i uint32) (bool, error) {
		if deeper {
			return t.along(i, rest, where+"."+name, f)
		}
		return f(i, where+"."+name)
	}
	if !t.is(c, array) {
		return look(c)
	}
	for item := range t.children(c) {
		if done, err := look(item); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// patientIn reads one Reference.
func (t *tree) patientIn(i uint32, where string, isType func(name string) bool) (string, error) {
	c, ok := t.member(i, "reference")
	if !ok || !t.is(c, text) {
		return "", nil
	}
	reference := t.text(c)
	fault := func(format string, args ...any) error {
		return t.fault(c, where, fmt.Sprintf("the reference %q ", clip(reference))+fmt.Sprintf(format, args...))
	}
	if strings.HasPrefix(reference, "urn:") {
		return "", fault("is not resolved: want Patient/<id>")
	}
	relative := local(reference)
	scheme, _, absolute := strings.Cut(relative, "://")
	if strings.HasPrefix(relative, "#") || absolute && !strings.ContainsAny(scheme, "/?#") {
		return "", nil
	}
	if criteria, _, conditional := strings.Cut(relative, "?"); conditional && criteria == "Patient" {
		return "", fault("is resolved within a transaction only: want Patient/<id>")
	} else if conditional && isType(criteria) && !strings.EqualFold(criteria, "Patient") {
		return "", nil
	}
	typ, id, _ := strings.Cut(relative, "/")
	id, _, _ = strings.Cut(id, "/_history/")
	if events.ValidateID("id", id) != nil || !isType(typ) || typ != "Patient" && strings.EqualFold(typ, "Patient") {
		return "", fault("is not written as Type/id with a type of R4, and the record would be in no dossier: want Patient/<id>")
	}
	if typ != "Patient" {
		return "", nil
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

package events

import (
	"fmt"
	"strings"
)

// Record names one record: a FHIR resource type and the id within it.
type Record struct {
	Type string
	ID   string
}

// String returns Type/ID, the CloudEvents subject of the record's events.
func (r Record) String() string { return r.Type + "/" + r.ID }

// ParseRecord reads Type/ID.
func ParseRecord(s string) (Record, error) {
	typ, id, ok := strings.Cut(s, "/")
	r := Record{Type: typ, ID: id}
	if !ok {
		return Record{}, fmt.Errorf("%q names no record: want Type/id", clip(s))
	}
	return r, r.Validate()
}

// Validate reports what is wrong with the name: the type is 1 to 64 letters that
// begin with a capital, the id is 1 to 64 of A-Z a-z 0-9 - and dot (FHIR R4 "id").
func (r Record) Validate() error {
	if len(r.Type) == 0 || len(r.Type) > 64 || r.Type[0] < 'A' || r.Type[0] > 'Z' || !all(r.Type, letter) {
		return fmt.Errorf("%q is no resource type", clip(r.Type))
	}
	return ValidateID("id", r.ID)
}

// ValidateID checks an id against FHIR's own rule; what names it in the error.
func ValidateID(what, id string) error {
	if len(id) == 0 || len(id) > 64 || !all(id, idByte) {
		return fmt.Errorf("%s %q: want 1 to 64 of A-Z, a-z, 0-9, '-' and '.'", what, clip(id))
	}
	return nil
}

// ValidateName checks the id of a practice or a device: as ValidateID, but without
// dots, since it stands as one token in subjects and permissions of the broker.
func ValidateName(what, name string) error {
	if len(name) == 0 || len(name) > 64 || !all(name, idByte) || strings.Contains(name, ".") {
		return fmt.Errorf("%s %q: want 1 to 64 of A-Z, a-z, 0-9 and '-'", what, clip(name))
	}
	return nil
}

// Subject returns the subject on the broker that carries the events of one dossier;
// patient is empty for the practice's own records.
func Subject(practice, patient string) string {
	return subjectRoot + practice + "." + SubjectToken(patient)
}

// Subjects returns the wildcard for all dossiers of a practice.
func Subjects(practice string) string { return subjectRoot + practice + ".*" }

// ParseSubject takes a subject apart again. Only what Subject writes is accepted.
func ParseSubject(subject string) (practice, patient string, err error) {
	rest, ok := strings.CutPrefix(subject, subjectRoot)
	practice, token, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return "", "", fmt.Errorf("subject %q: want carelog.<practice>.<patient>", clip(subject))
	}
	if err := ValidateName("practice", practice); err != nil {
		return "", "", fmt.Errorf("subject %q: %w", clip(subject), err)
	}
	patient, err = ParseSubjectToken(token)
	if err != nil {
		return "", "", fmt.Errorf("subject %q: %w", clip(subject), err)
	}
	return practice, patient, nil
}

const (
	subjectRoot = "carelog."
	noPatient   = "-"
)

// SubjectToken writes a patient's id as one token of a subject or of a KV key.
// The broker splits at dots and "-" stands for no patient, so a dot becomes =2E
// and an id that is a lone "-" becomes =2D.
func SubjectToken(patient string) string {
	switch patient {
	case "":
		return noPatient
	case "-":
		return "=2D"
	}
	return strings.ReplaceAll(patient, ".", "=2E")
}

// ParseSubjectToken reads what SubjectToken wrote.
func ParseSubjectToken(token string) (patient string, err error) {
	switch token {
	case noPatient:
		return "", nil
	case "=2D":
		return "-", nil
	}
	patient = strings.ReplaceAll(token, "=2E", ".")
	if SubjectToken(patient) != token {
		return "", fmt.Errorf("token %q is no escaped patient id", clip(token))
	}
	return patient, ValidateID("patient", patient)
}

func all(s string, ok func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func letter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }

func idByte(b byte) bool { return idBytes[b] }

// idBytes are the bytes of an id: each event that is read has some two hundred of them.
var idBytes = func() (is [256]bool) {
	for b := range is {
		c := byte(b)
		is[b] = letter(c) || '0' <= c && c <= '9' || c == '-' || c == '.'
	}
	return is
}()

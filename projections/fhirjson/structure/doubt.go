package structure

import (
	"bytes"

	"github.com/carelog/carelog/projections/fhirjson"
)

// Warnings says what is doubtful in a resource that may be right all the same: an SSIN
// whose check digits are wrong was mistyped, or is that of the patient's card, and in
// both cases the registration counts. It is empty where Check has no body to look at.
func Warnings(body []byte) []Issue {
	// However the slashes before it are escaped.
	if !bytes.Contains(body, []byte("/ssin")) {
		return nil
	}
	v, err := fhirjson.Look(body)
	if err != nil {
		return nil
	}
	defer v.Close()
	c := checker{table: table()}
	c.resource(v, outermost)
	return c.doubts
}

// NoDossier says, of a resource that is in no dossier, that it names a patient all the same:
// one whom the practice does not know by what it says. None where it names nobody.
func NoDossier(body []byte) []Issue {
	path := fhirjson.Astray(body)
	if path == "" {
		return nil
	}
	return []Issue{{Code: CodeValue, Path: path, Text: "it names no patient of this practice, so the record is in no dossier here: write Patient/<id> where it is one; it was kept as it is"}}
}

// doubt notes what is doubtful in an element.
func (c *checker) doubt(element, text string) {
	if len(c.doubts) == MaxIssues {
		return
	}
	c.enter(element)
	c.doubts = append(c.doubts, Issue{Code: CodeValue, Path: c.path(), Text: text})
	c.leave()
}

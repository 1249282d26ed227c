package structure

import (
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// target checks of which type the record is that a Reference names. What names no type is passed over: a resource that is contained, an
// entry of the same Bundle, an identifier; so is what is no type of R4, since it may be another server's.
func (c *checker) target(reference fhirjson.Element, targets []string) {
	named := reference.Member("reference")
	if named == fhirjson.None || named.Kind() != fhirjson.Text {
		return
	}
	typ := typeNamed(string(named.Bytes()))
	if _, can := slices.BinarySearch(targets, typ); can || !IsType(typ) {
		return
	}
	c.failAt("reference", CodeValue, "it names a %s, and can name only %s", typ, strings.Join(targets, ", "))
}

// typeNamed is the type in Type/id, perhaps of a version and below an address, and in Type?criteria; empty where there is none.
func typeNamed(reference string) string {
	if typ, _, conditional := strings.Cut(reference, "?"); conditional {
		return typ
	}
	steps := strings.Split(reference, "/")
	if n := len(steps); n > 3 && steps[n-2] == "_history" {
		steps = steps[:n-2]
	}
	if len(steps) < 2 {
		return ""
	}
	return steps[len(steps)-2]
}

package structure

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// SSIN is the system of the Belgian national number (NISS, INSZ), and of the bis number
// of who is not in the National Register (hl7-be/core, NamingSystem be-ns-ssin).
const SSIN = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin"

// ssin looks at the check digits of an Identifier. A pseudonym in its place has none.
func (c *checker) ssin(n fhirjson.Element) {
	value := n.Member("value").Bytes()
	if value == nil || string(n.Member("system").Bytes()) != SSIN || c.pseudonym(n) {
		return
	}
	text := ""
	switch {
	case len(value) != 11 || strings.Trim(string(value), "0123456789") != "":
		text = "an SSIN has 11 digits and nothing else: look at the card again; it was kept as it is"
	case !CheckDigits(string(value)):
		text = "the check digits of the SSIN do not fit: look at the card again; it was kept as it is"
	default:
		return
	}
	c.doubt("value", text)
}

// CheckDigits reports whether the last two of the 11 digits of an SSIN are 97 less the rest of the
// others by 97; of who was born from 2000 on, with a 2 before them. The month of a bis
// number is 20 or 40 higher, and counts as it stands.
func CheckDigits(ssin string) bool {
	check, err := strconv.Atoi(ssin[9:])
	if err != nil {
		return false
	}
	for _, century := range []string{"", "2"} {
		number, err := strconv.ParseInt(century+ssin[:9], 10, 64)
		if err == nil && 97-int(number%97) == check {
			return true
		}
	}
	return false
}

// pseudonym reports whether an Identifier says that its value is one.
func (c *checker) pseudonym(n fhirjson.Element) bool {
	extensions := n.Member("extension")
	if extensions == fhirjson.None {
		return false
	}
	for e := extensions.First(); e != fhirjson.None; e = extensions.Next(e) {
		if url := e.Member("url"); url != fhirjson.None && bytes.HasSuffix(url.Bytes(), []byte("/be-ext-pseudonymization")) {
			return true
		}
	}
	return false
}

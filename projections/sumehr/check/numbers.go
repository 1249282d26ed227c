package check

import (
	"strconv"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// inss reports whether a number of the National Register, or a bis number, is well formed.
func inss(number string) bool {
	return digits(number, 11) && structure.CheckDigits(number)
}

// nihii reports whether a number of the national health insurance is well formed: six digits
// and two to check them (97 less the six by 97), with three of the qualification for a
// person. A hub and other partners of eHealth have a number of ten digits without a check.
func nihii(number string) bool {
	if digits(number, 10) {
		return true
	}
	if !digits(number, 8) && !digits(number, 11) {
		return false
	}
	six, _ := strconv.Atoi(number[:6])
	check, _ := strconv.Atoi(number[6:8])
	return 97-six%97 == check
}

func digits(number string, n int) bool {
	return len(number) == n && strings.Trim(number, "0123456789") == ""
}

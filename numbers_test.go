package carelog_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/carelog/carelog/projections/fhirjson/structure"
)

var national = regexp.MustCompile(`\b\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}\b`)

// published are the numbers with which the National Register itself explains what one looks
// like, as they are and as bis numbers.
var published = []string{"85073003328", "17073003384", "85473003317", "85273003371"}

// Public samples of Sumehrs have a real patient among them, so nothing is taken from those: no
// file here has a number of the National Register that may be somebody's. The sequences 000
// and 999 are never given out.
func TestNoNumberIsSomebodys(t *testing.T) {
	found := 0
	for path, text := range textFiles(t) {
		for _, match := range national.FindAll(text, -1) {
			number := string(regexp.MustCompile(`\D`).ReplaceAll(match, nil))
			if !structure.CheckDigits(number) || !isDay(number[:6]) {
				continue
			}
			found++
			if sequence := number[6:9]; sequence != "000" && sequence != "999" && !slices.Contains(published, number) {
				t.Errorf("%s: %s may be the number of a person: take the sequence 000 or 999", path, match)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d numbers were seen: the test looks at nothing", found)
	}
}

// isDay reports whether six digits are a birthday as such a number has it: of a bis number the
// month is 20 or 40 higher, and of a day that nobody knows both may be 00.
func isDay(digits string) bool {
	month, day := (int(digits[2]-'0')*10+int(digits[3]-'0'))%20, int(digits[4]-'0')*10+int(digits[5]-'0')
	return month <= 12 && day <= 31 && digits[2] < '6'
}

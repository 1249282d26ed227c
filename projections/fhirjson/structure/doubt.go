package structure

import (
	"bytes"
	"fmt"

	"github.com/carelog/carelog/projections/fhirjson"
)

// MaxInline is how many bytes of content an Attachment has in itself before Warnings says
// where it belongs.
const MaxInline = 64 << 10

// Warnings says what is doubtful in a resource that may be right all the same: an SSIN
// whose check digits are wrong was mistyped, or is that of the patient's card, and in
// both cases the registration counts; a letter or scan within its record is kept there, and
// makes every desk slower that reads it. It is empty where Check has no body to look at.
func Warnings(body []byte) []Issue {
	// However the slashes before it are escaped.
	if !bytes.Contains(body, []byte("/ssin")) && (len(body) < MaxInline || !bytes.Contains(body, []byte(`"data"`))) {
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

// doubt notes what is doubtful in an element.
func (c *checker) doubt(element, text string) {
	if len(c.doubts) == MaxIssues {
		return
	}
	c.enter(element)
	c.doubts = append(c.doubts, Issue{Code: CodeValue, Path: c.path(), Text: text})
	c.leave()
}

// inline looks at the content that an Attachment has in itself.
func (c *checker) inline(n fhirjson.Element) {
	if size := len(bytes.TrimRight(n.Member("data").Bytes(), "=")) * 3 / 4; size > MaxInline {
		c.doubt("data", fmt.Sprintf("some %d KiB stand in the record itself, which every desk of the practice reads: POST it as a Binary, and refer to that by attachment.url; it was kept as it is", size>>10))
	}
}

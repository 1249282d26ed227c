package structure

import (
	"fmt"
	"strings"
)

// Code is one of FHIR's issue-type, of those that are said here.
type Code string

// The codes.
const (
	CodeStructure Code = "structure"    // an element that is not there in R4, or of another shape
	CodeRequired  Code = "required"     // an element is missing
	CodeValue     Code = "value"        // a value is not written as its type asks for
	CodeUnknown   Code = "code-invalid" // a code is none of those that the element can have
	CodeInvariant Code = "invariant"    // a rule about several elements is broken
)

// Issue is one thing that is wrong, or doubtful, in a resource.
type Issue struct {
	Code Code
	// Path is where, in the simple FHIRPath of OperationOutcome.issue.expression:
	// Patient.name[0].given[1]. A choice stands under its bare name (Observation.value).
	Path string
	Text string // what is wrong there, and what to do
}

// String is the place and the text.
func (i Issue) String() string { return i.Path + ": " + i.Text }

// MaxIssues is how many issues are gathered of one resource.
const MaxIssues = 20

// Error says in what a resource is not FHIR R4.
type Error struct {
	Issues []Issue // at least one, at most MaxIssues, in the order of the body
	More   bool    // there may be others
}

// Error names the first issues.
func (e *Error) Error() string {
	const shown = 3
	var b strings.Builder
	for i, issue := range e.Issues[:min(len(e.Issues), shown)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(issue.String())
	}
	if rest := len(e.Issues) - shown; e.More {
		fmt.Fprintf(&b, "; and more than %d others", max(rest, 0))
	} else if rest > 0 {
		fmt.Fprintf(&b, "; and %d more", rest)
	}
	return b.String()
}

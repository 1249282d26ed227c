package hub

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Errors that a caller may ask for; others wrap what was being done.
var (
	// ErrUnreachable says that no line to the hub came about: nothing was sent.
	ErrUnreachable = errors.New("the hub cannot be reached")
	// ErrUnknown says that a request was sent and no answer came that can be read.
	ErrUnknown = errors.New("the hub may have done it or not: read what it holds before anything is sent again")
	// ErrNoSession says that there is nobody in whose name the hub can be asked.
	ErrNoSession = errors.New("there is no session with the hub: log in with the card of the author")
)

// Code is one error of an answer.
type Code struct{ Code, Text string }

// AnswerError says that the hub understood a request and refused it.
type AnswerError struct {
	Operation string
	Codes     []Code // none: it only says that it is not complete
}

// Error names the codes of the hub and what it says of them, without patients' numbers.
func (e *AnswerError) Error() string {
	var all []string
	for _, c := range e.Codes {
		all = append(all, strings.TrimSpace(c.Code+" "+unnumbered(c.Text)))
	}
	return e.says(all)
}

func (e *AnswerError) says(all []string) string {
	if len(all) == 0 {
		all = []string{"it says that it is not complete, and not why"}
	}
	return fmt.Sprintf("the hub refused %s: %s", e.Operation, strings.Join(all, "; "))
}

// Has reports whether one of the codes was given.
func (e *AnswerError) Has(codes ...string) bool {
	return slices.ContainsFunc(e.Codes, func(c Code) bool { return slices.Contains(codes, c.Code) })
}

// Later reports whether the same request may succeed at another time: the hub says that it is
// the hub's own affair (500).
func (e *AnswerError) Later() bool { return e.Has("500") }

// FaultError is a SOAP fault.
type FaultError struct{ Operation, Code, Text string }

// Error says what the hub said, without patients' numbers.
func (e *FaultError) Error() string {
	return fmt.Sprintf("the hub did not take %s: %s: %s", e.Operation, e.Code, unnumbered(e.Text))
}

// Unwrap: where the fault is the server's, nobody knows how far it had come.
func (e *FaultError) Unwrap() error {
	if strings.HasSuffix(e.Code, "Server") || strings.HasSuffix(e.Code, "Receiver") {
		return ErrUnknown
	}
	return nil
}

// inss is a number in the National Register, as one writes it.
var inss = regexp.MustCompile(`\b\d{2}[. ]?\d{2}[. ]?\d{2}[- ]?\d{3}[. ]?\d{2}\b`)

// unnumbered is what a hub says without the numbers of patients, whose names stand elsewhere for
// those who may know them.
func unnumbered(text string) string { return inss.ReplaceAllString(text, "(number)") }

// Quiet is an error as a log may have it: of what the hub says only its codes, since its words
// may speak of the patient.
func Quiet(err error) string {
	var answer *AnswerError
	var fault *FaultError
	switch {
	case errors.As(err, &answer):
		var codes []string
		for _, c := range answer.Codes {
			codes = append(codes, unnumbered(c.Code))
		}
		return answer.says(codes)
	case errors.As(err, &fault):
		return fmt.Sprintf("the hub did not take %s: %s", fault.Operation, unnumbered(fault.Code))
	}
	return unnumbered(err.Error())
}

package agent

import "regexp"

// Problem is what stands in the way, for whoever says it in another language: the sentence that
// it was read from stays beside it.
type Problem struct {
	Code ProblemCode `json:"code"`
	Args []string    `json:"args,omitempty"` // what the code is about, in the order of its comment
}

// ProblemCode is stable: scripts and translations stand on it.
type ProblemCode string

// The problems.
const (
	ProblemTooLarge    ProblemCode = "too-large"     // for the server
	ProblemForbidden   ProblemCode = "forbidden"     // this device may not write it
	ProblemBuildsOn    ProblemCode = "builds-on"     // record, and the event that it builds on, which was refused
	ProblemTransaction ProblemCode = "transaction"   // record for which the transaction was refused
	ProblemNotLetIn    ProblemCode = "not-let-in"    // the server does not know this device, or no longer
	ProblemRevoked     ProblemCode = "revoked"       // by the practice
	ProblemNotReady    ProblemCode = "not-ready"     // the server starts, or does not know the practice
	ProblemUnreachable ProblemCode = "unreachable"   // no connection
	ProblemNoAnswer    ProblemCode = "no-answer"     // in time; what was sent may have arrived
	ProblemFull        ProblemCode = "full"          // the server's disk
	ProblemDisk        ProblemCode = "disk"          // this PC's disk is full, or does not work
	ProblemLost        ProblemCode = "server-lost"   // something that it had acknowledged
	ProblemSilent      ProblemCode = "server-silent" // it has more and sends nothing
	ProblemOther       ProblemCode = "other"
)

// problems are the sentences by which a problem is known, in the order in which they are looked
// for: what is said of a cause stands before what is said of its effect.
var problems = []struct {
	code ProblemCode
	text *regexp.Regexp
}{
	{ProblemTransaction, regexp.MustCompile(`^the server refuses (\S+), and with it the transaction`)},
	{ProblemBuildsOn, regexp.MustCompile(`(\S+) builds on event (\w+), which was refused`)},
	{ProblemDisk, regexp.MustCompile(`this PC's disk is full, or does not work|the disk of .+ is full, or does not work`)},
	{ProblemTooLarge, regexp.MustCompile(`(?i)maximum payload|message size exceeds|header is too large|header size exceeds|larger than it takes|a batch has at most \d+ bytes`)},
	{ProblemForbidden, regexp.MustCompile(`(?i)permissions violation`)},
	{ProblemRevoked, regexp.MustCompile(`this desk was revoked`)},
	{ProblemNotLetIn, regexp.MustCompile(`(?i)does not let this device in|authorization violation|refuses this device itself`)},
	{ProblemLost, regexp.MustCompile(`has lost events that it acknowledged`)},
	{ProblemSilent, regexp.MustCompile(`sends none (?:of its events up to|after) \d+`)},
	{ProblemNotReady, regexp.MustCompile(`no stream answers`)},
	{ProblemFull, regexp.MustCompile(`(?i)store is full|insufficient (?:storage )?resources|resource limits exceeded|no space left`)},
	{ProblemUnreachable, regexp.MustCompile(`(?i)connection refused|connection reset|broken pipe|EOF$|no such host|no servers available|network is unreachable|is no broker|no route to host|there is no connection|the connection was lost|cannot be reached`)},
	{ProblemNoAnswer, regexp.MustCompile(`(?i)no answer within|timeout|deadline exceeded|it is not known whether`)},
}

// problemOf reads a sentence of this program, or of the server in one: of events that were
// refused before the code was known there is only that. Nil: nothing is said.
func problemOf(text string) *Problem {
	if text == "" {
		return nil
	}
	for _, p := range problems {
		if found := p.text.FindStringSubmatch(text); found != nil {
			return &Problem{p.code, found[1:]}
		}
	}
	return &Problem{Code: ProblemOther}
}

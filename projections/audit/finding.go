package audit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
)

// Severity says what a finding asks of the reader.
type Severity string

const (
	// Notice is a fact worth knowing: nothing is wrong.
	Notice Severity = "notice"
	// Warning asks a person to look: the log is whole, but something in it does not count or came in a strange way.
	Warning Severity = "warning"
	// Error says that the log, or what is made of it, is not what was written.
	Error Severity = "error"
)

// Code names a kind of finding. The codes are a contract with scripts: they may be
// added to, and never change their meaning.
type Code string

// What Verify looks for.
const (
	SequenceGap   Code = "sequence-gap"   // error: the log's own numbers skip, go back, or reach further than its messages
	GapWhole      Code = "gap-whole"      // notice: places are empty, and the chain of every device is whole across them
	Undecodable   Code = "undecodable"    // error: a message is no event; the text says why
	UnknownType   Code = "unknown-type"   // notice: an event of a newer version; kept, and not in the graph
	OtherPractice Code = "other-practice" // error: an event of another practice stands in this log
	Repeated      Code = "repeated"       // warning: the same event stands in the log again; it counts once
	ReusedID      Code = "reused-id"      // error: another event has the same id

	ChainStart   Code = "chain-start"    // error: a device's first event is not its Device record
	ChainGap     Code = "chain-gap"      // error: events of the device before this one are not in the log
	ChainFork    Code = "chain-fork"     // error: another event has the same place on the device's chain
	ChainBroken  Code = "chain-broken"   // error: the event does not name the one before it as it stands in the log
	ChainOrder   Code = "chain-order"    // warning: the event came after a later one of its device
	WasSetAside  Code = "set-aside"      // notice: a stub stands for an event that the server refused
	SetAsideHere Code = "set-aside-here" // notice: an event that was set aside is in the log after all

	BadSignature   Code = "signature"          // error: not signed by its device; not in the graph
	DeviceUnknown  Code = "device-unknown"     // error: no certified key for the event's device; not in the graph
	BadCertificate Code = "device-certificate" // error: a device's first record has no valid certificate of the practice
	OtherKey       Code = "device-key"         // error: a later version of a Device record does not have the device's key
	AfterRevoked   Code = "revoked"            // warning: made by a device that was revoked by then; not in the graph
	DeviceRevoked  Code = "device-revoked"     // notice: from here on a device's events do not count
	RevocationLate Code = "revocation-late"    // warning: events stand before the revocation of their device and were sent after it was made; they count

	ParentMissing Code = "parent-missing" // error: a parent is not in the log
	ParentLate    Code = "parent-late"    // warning: a parent came after its child
	ParentOther   Code = "parent-other"   // error: a parent is of another record or dossier

	BodyBroken Code = "body-broken" // error: the body was changed, or sealed for another event
	BodyNoKey  Code = "body-no-key" // error: a patient's key is gone and no erasure says so; once per patient
	Erasure    Code = "erased"      // notice: a patient was erased; the bodies stay closed
	NotChecked Code = "not-checked" // warning: keys are missing, so bodies or signatures were not checked

	AttachmentMissing Code = "attachment-missing" // warning: the content of a letter or scan is not on the broker, or not all of it

	OtherHash  Code = "hash"       // error: the log up to an expected position is another one
	NotReached Code = "log-short"  // error: the log ends before an expected position
	Projected  Code = "projection" // error: the projection is not what a replay gives; the text names the first difference
)

// severities says how grave each code is.
var severities = map[Code]Severity{
	SequenceGap: Error, GapWhole: Notice, Undecodable: Error, UnknownType: Notice, OtherPractice: Error, Repeated: Warning, ReusedID: Error,
	ChainStart: Error, ChainGap: Error, ChainFork: Error, ChainBroken: Error, ChainOrder: Warning, WasSetAside: Notice, SetAsideHere: Notice,
	BadSignature: Error, DeviceUnknown: Error, BadCertificate: Error, OtherKey: Error, AfterRevoked: Warning, DeviceRevoked: Notice, RevocationLate: Warning,
	ParentMissing: Error, ParentLate: Warning, ParentOther: Error,
	BodyBroken: Error, BodyNoKey: Error, Erasure: Notice, NotChecked: Warning, AttachmentMissing: Warning,
	OtherHash: Error, NotReached: Error, Projected: Error,
}

// Finding is one thing that Verify found, and where.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Sequence uint64   `json:"sequence,omitempty"` // of the event; 0 where it concerns no single one
	Event    string   `json:"event,omitempty"`    // its id, as the message gave it
	Record   string   `json:"record,omitempty"`   // Type/id
	Text     string   `json:"text"`               // for people
}

// place is where a finding is: all that must be kept of an event to speak of it later.
type place struct {
	sequence uint64
	event    string
	record   string
}

func placeOf(sequence uint64, m events.Message) place {
	id, record := m.Peek()
	return place{sequence, clip(id), clip(record)}
}

// finding makes a finding at a place.
func (p place) finding(code Code, format string, args ...any) Finding {
	return Finding{
		Severity: code.Severity(), Code: code,
		Sequence: p.sequence, Event: p.event, Record: p.record,
		Text: fmt.Sprintf(format, args...),
	}
}

// clip bounds what a broken message can make us repeat.
func clip(s string) string {
	const most = 160
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Codes returns all codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(severities)) }

// Severity says how grave a finding of this code is.
func (c Code) Severity() Severity { return severities[c] }

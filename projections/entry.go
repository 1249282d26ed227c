package projections

import (
	"time"

	"github.com/carelog/carelog/events"
)

// Doubt says why an event is not trusted in full; none where it is.
type Doubt string

// The verdicts that an entry comes with. An event with DoubtUnopened is a version of
// its record like any other, only that nobody here can read it (yet); the others are
// kept, counted and shown, and change nothing.
const (
	DoubtUnopened    Doubt = "unopened"     // signed, but its body does not open
	DoubtUnknownType Doubt = "unknown-type" // of a newer version
	DoubtRevoked     Doubt = "revoked"      // signed by a device after it was revoked
	DoubtSignature   Doubt = "signature"    // not signed by the device that it names
)

// What the store itself finds odd. These are answers of Doubts and Counts, never of an entry.
const (
	DoubtBroken Doubt = "broken" // a message of the log that is no event
	DoubtRepeat Doubt = "repeat" // an event that stands in the log again
	DoubtTwin   Doubt = "twin"   // another event under an id that stands already
	DoubtFork   Doubt = "fork"   // two events of one device under one counter: both are versions
)

// rank orders verdicts, the best first. What is unknown is the worst.
func (d Doubt) rank() int {
	switch d {
	case "":
		return 0
	case DoubtUnopened:
		return 1
	case DoubtUnknownType:
		return 2
	case DoubtRevoked:
		return 3
	case DoubtSignature:
		return 4
	}
	return 5
}

// inGraph reports whether an event with this verdict is a version of its record.
func (d Doubt) inGraph() bool { return d == "" || d == DoubtUnopened }

// Entry is an event, or a message that is none, with what the replica found out about it.
type Entry struct {
	Sequence uint64         // place in the log; 0: still in this device's outbox
	Stored   time.Time      // when the broker stored it, by its clock; zero where Sequence is 0
	Hash     events.Digest  // rolling hash of the log after this message
	Event    *events.Event  // nil: the message is no event; Message and Reason are kept instead
	Body     []byte         // the opened resource; nil for a deletion or with a doubt
	Doubt    Doubt          // the replica's verdict
	Reason   string         // why in doubt, for people
	Message  events.Message // only where Event is nil
}

// Batch is what one Apply takes in, together with how far the log has then been read.
type Batch struct {
	Entries  []Entry
	Position events.Position // zero: unchanged
	Stream   string          // identity of the stream; "" unchanged
	// Arrives, where it is not nil, is set to when the batch came here, before Before is called.
	Arrives *time.Time
	// Before, where it is not nil, is called when all but the commit is done; its error
	// undoes the batch. Something else that must be true first can so happen meanwhile.
	// Until it returns, every other change waits.
	Before func() error
	// Later leaves out what the records are found by: the next Search or Index works it
	// out. Somebody waits for this change, and for none of its values.
	Later bool
}

package audit

import (
	"crypto/ed25519"
	"iter"

	"github.com/carelog/carelog/events"
)

// Log is a log to read: in order, from its first message, each with its place. The
// broker's Read, a device's copy of the log and an export all are one. Whether it
// ends or waits for more is its own affair; Until makes a waiting one end.
type Log = iter.Seq2[events.Stored, error]

// Keys is what a reader needs to judge events and to open them. Without Root or
// Open no signature can be checked, since the keys of the devices stand in sealed
// Device records; what was not checked is said, never passed over.
type Keys struct {
	Practice string
	Root     ed25519.PublicKey                   // of the practice; from the recovery sheet or an enrolment
	Open     func(*events.Event) ([]byte, error) // events.Keyring.Open; safe for several goroutines
	// Devices are the practice's own records, read before the log for their certificates; nil: the log
	// itself is read once more for them. Where one of them is revoked, the log is read once more for what that one sent. So
	// it must be one that can be read several times.
	Devices Log
}

func (k Keys) judges() bool { return len(k.Root) == ed25519.PublicKeySize && k.Open != nil }

// Until ends a log after the message at sequence last, for a reader that wants the
// log as it stands. A log that ends earlier just ends; last 0 is an empty one.
func Until(log Log, last uint64) Log {
	return func(yield func(events.Stored, error) bool) {
		if last == 0 {
			return
		}
		for m, err := range log {
			if err == nil && m.Sequence > last {
				return
			}
			if !yield(m, err) || err == nil && m.Sequence == last {
				return
			}
		}
	}
}

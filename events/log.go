package events

import (
	"errors"
	"fmt"
	"time"
)

// LogState is what the server says of the log.
type LogState struct {
	Identity    string // of the stream: another one means another log under the same name
	First, Last uint64 // sequences; Last is 0 in an empty log
	Now         time.Time
}

// Errors of a log, whatever keeps it. Others wrap what was being done.
var (
	// ErrNoMessage says that there is nothing at that place.
	ErrNoMessage = errors.New("there is no such message in the log")
	// ErrNotAtEnd says that the log has grown past the end that the writer had read:
	// nothing was stored.
	ErrNotAtEnd = errors.New("the log does not end there any more")
	// ErrInconsistent ends a read: the log has another identity, or ends before the place
	// from which the read was to go on. The reader must not trust its position.
	ErrInconsistent = errors.New("the server's log is not the one that was read so far: it was restored from a backup, made anew, or has lost its end")
	// ErrOffline says that nothing was sent: the message is certainly not stored by this call.
	ErrOffline = errors.New("the server cannot be reached")
	// ErrUnknownOutcome says that the message may or may not be stored: it is never
	// guessed, but read back when the server can be reached again.
	ErrUnknownOutcome = errors.New("it is not known whether the server has stored it")
)

// StaleError says that the record changed after the place up to which the writer
// had read its dossier, so nothing was stored.
type StaleError struct {
	Record   string // Type/id
	Sequence uint64 // of the change
}

// Error names the record and the change.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%s was changed by the event at %d of the log", clip(e.Record), e.Sequence)
}

// RefusedError says that the server will not store the message, however often it is sent.
type RefusedError struct {
	Code   int // of the server; 0 where it gave none
	Reason string
}

// Error gives the server's reason.
func (e *RefusedError) Error() string { return "the server refuses it for good: " + e.Reason }

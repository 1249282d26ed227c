package events

import (
	"errors"
	"fmt"
	"time"
)

// LogState is what the server says of the log.
type LogState struct {
	Identity    string // of the stream: another one means another log under the same name
	First, Last uint64 // sequences of messages that are there; Last is 0 in an empty log
	Counted     uint64 // up to which the server has counted: more than Last where it lost the end
	Lost        uint64 // how many of those that it has counted are not there
	Now         time.Time
}

// KeyMark says how far the bucket of keys was read: the place of the last entry, and
// when the server stored it. A bucket that was made anew or came back from an older copy
// has none there, or one of another time. Zero: nothing was read.
type KeyMark struct {
	Sequence uint64
	Stored   time.Time
	Anew     bool // all was read, since what had been read before is not there any more; nothing that is kept
}

// Same reports whether two marks are of one key.
func (k KeyMark) Same(o KeyMark) bool { return k.Sequence == o.Sequence && k.Stored.Equal(o.Stored) }

// KeyState is what the server says of the bucket of keys.
type KeyState struct {
	Counted uint64   // the place of the last key that came, whether or not it is there now
	Held    uint64   // how many entries are there
	Erased  []string // names of the keys that were erased for good, sorted
}

// Gone is how many keys the server had once and has no more, lost and erased ones alike: a
// number that falls only where the bucket lost its end, with places in it that were gone already.
func (s KeyState) Gone() uint64 { return s.Counted - min(s.Held, s.Counted) }

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

// Appending is a message of a batch, which is stored as a whole or not at all.
type Appending struct {
	Message Message
	// After is the last sequence of the message's dossier as the writer knows it, 0
	// where there is none yet; nil expects nothing. It stands on the first message of
	// its dossier only. Where every dossier has one, the batch cannot be stored twice,
	// however late a first attempt at it arrives.
	After *uint64
}

// Bounds of one batch. The broker takes no more messages; the bytes, headers
// included, are bounded so that a slow line is not held for minutes.
const (
	MaxBatch      = 1000
	MaxBatchBytes = 4 << 20
)

// BatchError says which message of a batch is to blame; nothing of the batch was
// stored. It wraps *StaleError or *RefusedError.
type BatchError struct {
	Index int // from 0
	Err   error
}

// Error counts from 0, as the list does.
func (e *BatchError) Error() string {
	return fmt.Sprintf("message %d of the batch: %v", e.Index, e.Err)
}

// Unwrap is what is wrong with the message.
func (e *BatchError) Unwrap() error { return e.Err }

// StaleError says that the record changed after the place up to which the writer
// had read its dossier, so nothing was stored. Of a batch it names the dossier's last
// change, whichever record that was of: there the dossier stands.
type StaleError struct {
	Record   string // Type/id; "" where the dossier is empty
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

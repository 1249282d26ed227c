package projections

import (
	"errors"
	"fmt"
)

// Errors of a question or a change that cannot be answered. Others wrap what was being done.
var (
	// ErrNotFound says that there is no such record or version here.
	ErrNotFound = errors.New("there is no such record here")
	// ErrNotQueued says that an event cannot be taken out: it is not here, or the log has it.
	ErrNotQueued = errors.New("the event is not queued here: what stands in the log stays")
	// ErrCursor says that Query.After is none that a page gave.
	ErrCursor = errors.New("the cursor was not made by a search")
	// ErrQuery says that a question cannot be understood.
	ErrQuery = errors.New("the question cannot be understood")
)

// NotOursError says that a file is no record.db: it is left untouched.
type NotOursError struct {
	Path   string
	Reason string
}

// Error names the file and says what it seems to be.
func (e *NotOursError) Error() string {
	return fmt.Sprintf("%s is not a record store of carelog (%s): it is left as it is; choose another data folder", e.Path, e.Reason)
}

// NewerError says that a newer carelog wrote the file.
type NewerError struct {
	Path        string
	Have, Known int // versions of the schema: the file's, and the newest known here
}

// Error says what to do.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer carelog (schema %d, this one knows %d): update carelog on this PC", e.Path, e.Have, e.Known)
}

// OlderError says that an older carelog wrote the file, which is only to be read here.
type OlderError struct {
	Path        string
	Have, Known int // versions of the schema: the file's, and the newest known here
}

// Error says what to do.
func (e *OlderError) Error() string {
	return fmt.Sprintf("%s was written by an older carelog (schema %d, this one reads %d): use the carelog that its desk runs, or start the desk with this carelog, which brings the file up to date", e.Path, e.Have, e.Known)
}

// PracticeError says that the file holds another practice's records.
type PracticeError struct {
	Path       string
	Have, Want string
}

// Error names both practices.
func (e *PracticeError) Error() string {
	return fmt.Sprintf("%s holds the records of practice %q, not of %q: choose the data folder of this practice", e.Path, e.Have, e.Want)
}

// CorruptError says that the file is damaged. It holds nothing that is not in the log
// or in the outbox, so it may be deleted.
type CorruptError struct {
	Path   string
	Reason string
}

// Error says what is wrong and that the file can be deleted.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged (%s): delete it together with the files beside it whose names begin the same; it is rebuilt from the log, and what is queued is safe in the outbox", e.Path, e.Reason)
}

// BusyError says that another program kept the file locked for too long.
type BusyError struct{ Path string }

// Error says what to do.
func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is locked by another program: end it, or try again when it is done", e.Path)
}

// DiskError says that the disk did not take a change, or did not give what it holds.
type DiskError struct {
	Path  string
	Cause error
}

// Error says what to do.
func (e *DiskError) Error() string {
	return fmt.Sprintf("the disk of %s is full, or does not work as it should: make room on it and try again; nothing half-made was left (%v)", e.Path, e.Cause)
}

// Unwrap gives what the disk said.
func (e *DiskError) Unwrap() error { return e.Cause }

// ErrUnconfirmed says that a file cannot be replaced, since it holds what the server
// has lost and was not given back yet.
var ErrUnconfirmed = errors.New("it holds what the server has lost: that must be given back first")

// DifferenceError says that the tables are not what the events make of them.
type DifferenceError struct {
	What      string // which thing differs
	Want, Got string // made anew from the events, and as it stands
}

// Error names the first difference.
func (e *DifferenceError) Error() string {
	return fmt.Sprintf("the projection differs from its events: %s: want %s, got %s", e.What, e.Want, e.Got)
}

package agent

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
)

// Draft is a change of one record that a user wants to make.
type Draft struct {
	Record  events.Record
	Patient string // id of the Patient whose dossier it is; empty for the practice's own records
	Author  string // id of the Practitioner
	// Parents are the versions that the author had before them. Each must be a head
	// now, else the write is stale. Empty and not Create: the version shown here when
	// its turn comes, since a desk makes one change after the other; where another comes
	// before the server has answered, the write is stale as well.
	Parents []events.ID
	Create  bool   // the record must not exist yet
	Delete  bool   // Body is then ignored
	Body    []byte // the whole resource after the change, kept byte for byte
	// Once, of one of many: it is not written where its record was just so before, and
	// was changed or deleted since. Who brings the same twice undoes nobody's correction.
	Once bool
	// Content is that of a Binary, which is kept beside the log; Body then has an empty
	// member _data in place of data. Nil: what Body has in data is taken out of it. It
	// is the caller's to close, also after Write.
	Content *attachments.Spool

	end    uint64 // where the whole log must end for it to be stored; 0: anywhere
	unseen bool   // with Delete: also where no version of it is here
	base   *base  // of a draft without parents: what stood when it was first tried; nil: whatever stands
	fault  error  // why its content could not be kept: it is not written
}

func (d Draft) body() []byte {
	if d.Delete {
		return nil
	}
	return d.Body
}

// Written is a change that is safe on this device.
type Written struct {
	ID       events.ID // the event, and the FHIR version
	Sequence uint64    // its place in the log; 0 while it is queued
	Arrived  time.Time // when it came here; zero where the projection does not tell yet, and of one of many
}

// Queued reports whether the server does not have the change yet.
func (w Written) Queued() bool { return w.Sequence == 0 }

// Errors of a write. Each leaves the outbox and the projection as they were.
var (
	ErrExists   = errors.New("the record exists already: read it and change that version")
	ErrNotFound = errors.New("there is no such record here")
	ErrGone     = errors.New("the record was deleted")
	ErrNoChoice = errors.New("nothing was chosen: name one of the heads to keep, or give the content to keep")
)

// ErrDisk says that this PC's disk did not take a change: nothing was written.
var ErrDisk = outbox.ErrDisk

// StaleError says that the record changed since the author read it: nothing was
// written, and Heads is what stands now.
type StaleError struct {
	Record events.Record
	Heads  []events.ID
}

// Error names the record and its current versions.
func (e *StaleError) Error() string {
	heads := make([]string, len(e.Heads))
	for i, h := range e.Heads {
		heads[i] = h.String()
	}
	return fmt.Sprintf("%s was changed meanwhile (now %s): read it again and decide", e.Record, strings.Join(heads, ", "))
}

// MovedError says that a change would move a record to another patient's dossier.
type MovedError struct {
	Record   events.Record
	From, To string
}

// Error says how to move a record.
func (e *MovedError) Error() string {
	return fmt.Sprintf("%s belongs to patient %q and cannot move to %q: delete it there and register it anew", e.Record, e.From, e.To)
}

package audit

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// Opening says whether the body of an event opens here.
type Opening string

// How a body can be.
const (
	Opens    Opening = "opens"
	NoBody   Opening = "none"   // a deletion, or another event without one
	NoKey    Opening = "no-key" // the patient's key is not here: not yet, or the patient was erased
	Broken   Opening = "broken" // changed, or sealed for another event
	NotTried Opening = "not-tried"
)

// Row is one message of the log.
type Row struct {
	events.Stored
	Event *events.Event // nil: the message is no event
	Fault error         // why it is none
	Body  Opening
}

// Filter says which messages are wanted: those for which all that is set holds. What
// cannot be read of a broken message holds: it is better seen once too often.
type Filter struct {
	Patient string // id of the dossier
	Own     bool   // only the practice's own records, which are in no dossier
	Record  events.Record
	Author  string
	Device  string
	Types   []events.Type // any of them
	// Since and Before bound the time at which the broker stored the message; Since
	// belongs to it, Before does not. What a PC's clock said decides nothing here.
	Since, Before time.Time
	// First and Last bound the sequence; both belong to it. 0 is no bound.
	First, Last uint64
}

// Rows gives the messages of a log that pass the filter, in order and each as soon as
// it is read: on a log that waits for more, it follows. It ends with the log, at the
// first message past Last or stored at Before or later, or after an error of the log.
// open may be nil; it is tried only on what passes.
func Rows(log Log, f Filter, open func(*events.Event) ([]byte, error)) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for m, err := range log {
			if err != nil {
				yield(Row{}, fmt.Errorf("read the log: %w", err))
				return
			}
			if f.Last > 0 && m.Sequence > f.Last || !f.Before.IsZero() && !m.Time.Before(f.Before) {
				return
			}
			if f.mayPass(m) {
				if row := rowOf(m, open); f.passes(row) && !yield(row, nil) {
					return
				}
			}
			if f.Last > 0 && m.Sequence == f.Last {
				return // without waiting for the next
			}
		}
	}
}

// rowOf decodes a message and tries its body.
func rowOf(m events.Stored, open func(*events.Event) ([]byte, error)) Row {
	row := Row{Stored: m, Body: NotTried}
	row.Event, row.Fault = events.Decode(m.Message)
	switch {
	case row.Fault != nil:
	case len(row.Event.Sealed) == 0:
		row.Body = NoBody
	case open != nil:
		_, err := open(row.Event)
		switch {
		case err == nil:
			row.Body = Opens
		case errors.Is(err, events.ErrNoKey):
			row.Body = NoKey
		default:
			row.Body = Broken
		}
	}
	return row
}

// mayPass decides by what can be seen without decoding, so that a filter over a long
// log costs little.
func (f Filter) mayPass(m events.Stored) bool {
	if m.Sequence < f.First || m.Time.Before(f.Since) {
		return false
	}
	if f.Patient != "" || f.Own {
		if _, patient, err := events.ParseSubject(m.Subject); err == nil && patient != f.Patient {
			return false
		}
	}
	if f.Record != (events.Record{}) {
		if _, record := m.Peek(); record != "" && record != f.Record.String() && strings.Contains(record, "/") {
			return false
		}
	}
	return true
}

// passes decides by the event itself.
func (f Filter) passes(r Row) bool {
	e := r.Event
	return e == nil ||
		(f.Record == events.Record{} || f.Record == e.Record) &&
			(f.Author == "" || f.Author == e.Author) &&
			(f.Device == "" || f.Device == e.Device) &&
			(len(f.Types) == 0 || slices.Contains(f.Types, e.Type))
}

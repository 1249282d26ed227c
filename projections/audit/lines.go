package audit

import (
	"encoding/json"
	"time"

	"github.com/carelog/carelog/events"
)

// The JSON lines are a contract with scripts: fields may be added, and never change
// their name or meaning. Each line has a kind: message, view, record, discounted,
// erasure, finding, progress or summary. Times are RFC 3339 in UTC; a field that has
// nothing to say is left out, except where it says no, none or zero.

// messageLine is a message of the log: what `audit log` prints. Of a message that is
// no event only the fields that could be read are there, and fault.
type messageLine struct {
	Kind     string      `json:"kind"`
	Sequence uint64      `json:"sequence"`
	Stored   time.Time   `json:"stored"` // by the broker's clock
	Event    string      `json:"event,omitempty"`
	Type     events.Type `json:"type,omitempty"`
	Time     *time.Time  `json:"time,omitempty"` // by the device's clock
	Record   string      `json:"record,omitempty"`
	Patient  *string     `json:"patient,omitempty"` // empty: the practice's own records
	Device   string      `json:"device,omitempty"`
	Author   string      `json:"author,omitempty"`
	Parents  []events.ID `json:"parents,omitempty"`
	Chain    *chainLine  `json:"chain,omitempty"`
	Replaces string      `json:"replaces,omitempty"` // digest of the event that a stub stands for
	Body     Opening     `json:"body"`
	Fault    string      `json:"fault,omitempty"`   // why it is no event
	Subject  string      `json:"subject,omitempty"` // on the broker, where it is no event
}

type chainLine struct {
	Counter  uint64        `json:"counter"`
	Previous events.Digest `json:"previous"` // all zeros for the first
}

// viewLine comes before what `audit show` prints of the records.
type viewLine struct {
	Kind     string    `json:"kind"`
	Sequence uint64    `json:"sequence"` // of the last message that counted
	Stored   time.Time `json:"stored"`
	Records  int       `json:"records"`
}

// recordLine is a record as it stood.
type recordLine struct {
	Kind     string        `json:"kind"`
	Record   string        `json:"record"`
	Patient  string        `json:"patient"`
	Conflict bool          `json:"conflict"`
	Versions int           `json:"versions"`
	Heads    []versionLine `json:"heads"` // the one shown as current first
}

// versionLine is one event of a record, as a head, as discounted or as an erasure.
type versionLine struct {
	Kind     string          `json:"kind,omitempty"`
	Event    events.ID       `json:"event"`
	Sequence uint64          `json:"sequence"`
	Stored   time.Time       `json:"stored"`
	Time     time.Time       `json:"time"`
	Type     events.Type     `json:"type"`
	Record   string          `json:"record"`
	Device   string          `json:"device"`
	Author   string          `json:"author,omitempty"`
	Parents  []events.ID     `json:"parents,omitempty"`
	Standing Standing        `json:"standing,omitempty"` // why it does not count, or was not judged
	Closed   string          `json:"closed,omitempty"`   // why the body does not open
	Content  json.RawMessage `json:"content,omitempty"`  // the resource, its numbers digit by digit
	Text     string          `json:"text,omitempty"`     // the body where it is no JSON
}

type findingLine struct {
	Kind string `json:"kind"`
	Finding
}

type progressLine struct {
	Kind string `json:"kind"`
	Progress
	Seconds float64 `json:"seconds"`
}

type summaryLine struct {
	Kind  string `json:"kind"`
	Clean bool   `json:"clean"`
	Summary
}

func lineOfRow(r Row) messageLine {
	l := messageLine{Kind: "message", Sequence: r.Sequence, Stored: r.Stored.Time.UTC(), Body: r.Body}
	e := r.Event
	if e == nil {
		l.Event, l.Record = r.Message.Peek()
		l.Event, l.Record = clip(l.Event), clip(l.Record)
		l.Fault, l.Subject = r.Fault.Error(), clip(r.Subject)
		return l
	}
	l.Event, l.Type, l.Time = e.ID.String(), e.Type, &e.Time
	l.Record, l.Patient, l.Device, l.Author = e.Record.String(), &e.Patient, e.Device, e.Author
	l.Parents, l.Chain = e.Parents, &chainLine{e.Chain.Counter, e.Chain.Previous}
	if !e.Replaces.IsZero() {
		l.Replaces = e.Replaces.String()
	}
	return l
}

func lineOfVersion(kind string, v Version) versionLine {
	e := v.Event
	l := versionLine{
		Kind: kind, Event: e.ID, Sequence: v.Sequence, Stored: v.Stored.Time.UTC(), Time: e.Time, Type: e.Type,
		Record: e.Record.String(), Device: e.Device, Author: e.Author, Parents: e.Parents,
		Standing: v.Standing, Closed: v.Closed,
	}
	switch {
	case v.Body == nil:
	case json.Valid(v.Body):
		l.Content = v.Body
	default:
		l.Text = string(v.Body)
	}
	return l
}

func lineOfRecord(r RecordView) recordLine {
	l := recordLine{
		Kind: "record", Record: r.Record.String(), Patient: r.Patient, Conflict: r.Conflict, Versions: r.Versions,
		Heads: make([]versionLine, 0, len(r.Heads)),
	}
	for _, v := range r.Heads {
		l.Heads = append(l.Heads, lineOfVersion("", v))
	}
	return l
}

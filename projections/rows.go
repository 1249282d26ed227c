package projections

import (
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
)

// The conditions under which an event is a version of its record; see Doubt.inGraph
// and events.Type.InGraph.
const inGraph = `doubt IN ('', 'unopened') AND type IN ('carelog.record.written.v1', 'carelog.record.deleted.v1')`

// A value that stands in the statement costs less than one that is bound to it, so what
// nearly all events have in common stands there.
var (
	insertEvent = &statement{`INSERT OR IGNORE INTO event (` + boundColumns + `, doubt, reason, type, replaces, content_type, extra)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`}
	insertPlain = &statement{`INSERT OR IGNORE INTO event (` + boundColumns + `, doubt, reason, type, replaces, content_type, extra)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'','','carelog.record.written.v1',x'','application/fhir+json','')`}
)

// insertNew adds plain events of which it is known that they are new.
var insertNew = insertRows(`INSERT OR ROLLBACK INTO event (`+heldColumns+`, doubt, reason, type, replaces, content_type, extra) VALUES `,
	`(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'','','carelog.record.written.v1',x'','application/fhir+json','')`, 15)

const boundColumns = `arrival, ` + heldColumns

const heldColumns = `id, record, dossier, device, counter, sequence, stored, hash, arrived, time, author, parents,
	previous, signature, sealed`

// eventColumns are read by row.scan. Names come by LEFT JOIN: within a batch, a new
// record has no row yet.
const (
	eventColumns = `e.arrival, e.id, e.record, r.type, r.id, d.patient, v.id, e.counter, e.sequence, e.stored,
	e.hash, e.arrived, e.doubt, e.reason, e.type, e.time, e.author, e.parents, e.previous, e.replaces,
	e.content_type, e.extra, e.signature, e.sealed`
	eventTables = ` FROM event e LEFT JOIN record r ON r.key = e.record
	LEFT JOIN dossier d ON d.key = e.dossier LEFT JOIN device v ON v.key = e.device `
)

// place is where a message stands in the log; see the schema for what its sequence says.
type place struct {
	sequence int64
	stored   int64 // nanoseconds since 1970; 0: never
	hash     events.Digest
}

// placeOf is the place that an entry comes with.
func placeOf(e *Entry) place {
	p := place{sequence: int64(e.Sequence)}
	if p.sequence != 0 {
		p.hash = e.Hash
	}
	if !e.Stored.IsZero() {
		p.stored = e.Stored.UnixNano()
	}
	return p
}

// before reports whether p counts more than q: what the log confirms, the earliest
// first, then what it once had, then what is queued.
func (p place) before(q place) bool { return order(p.sequence) < order(q.sequence) }

// fill adds what is known of the same place: the device that wrote an event is told
// its sequence before it reads the log up to there.
func (p *place) fill(q place) {
	if p.hash.IsZero() {
		p.hash = q.hash
	}
	if p.stored == 0 {
		p.stored = q.stored
	}
}

// order maps sequences to the order in which heads are shown.
func order(sequence int64) int64 {
	const unconfirmed, queued = 1 << 61, 1 << 62
	switch {
	case sequence > 0:
		return sequence
	case sequence < 0:
		return unconfirmed - sequence
	}
	return queued
}

// confirmed is the sequence as the outside sees it.
func confirmed(sequence int64) uint64 { return uint64(max(sequence, 0)) }

// broker is the time at which the broker stored the message.
func (p place) broker() time.Time {
	if p.stored == 0 {
		return time.Time{}
	}
	return time.Unix(0, p.stored).UTC()
}

// row is an event as it stands in the file.
type row struct {
	place
	arrival int64
	record  int64
	arrived int64
	doubt   Doubt
	reason  string
	event   *events.Event
}

// scan reads eventColumns.
func (r *row) scan(practice string, scan func(...any) error) error {
	e := &events.Event{Practice: practice}
	var id, hash, parents, previous, replaces, signature []byte
	var recordType, recordID, patient, device, extra *string
	var counter, at int64
	if err := scan(&r.arrival, &id, &r.record, &recordType, &recordID, &patient, &device, &counter, &r.sequence, &r.stored,
		&hash, &r.arrived, &r.doubt, &r.reason, &e.Type, &at, &e.Author, &parents, &previous, &replaces,
		&e.ContentType, &extra, &signature, &e.Sealed); err != nil {
		return err
	}
	copy(e.ID[:], id)
	copy(r.hash[:], hash)
	copy(e.Chain.Previous[:], previous)
	copy(e.Replaces[:], replaces)
	copy(e.Signature[:], signature)
	e.Record = events.Record{Type: text(recordType), ID: text(recordID)}
	e.Patient, e.Device = text(patient), text(device)
	e.Chain.Counter = uint64(counter)
	e.Time = time.UnixMilli(at).UTC()
	e.Parents = splitParents(parents)
	e.Extra = splitExtra(text(extra))
	if len(e.Sealed) == 0 {
		e.Sealed = nil
	}
	r.event = e
	return nil
}

// inGraph reports whether the event is a version of its record.
func (r *row) inGraph() bool { return r.event.Type.InGraph() && r.doubt.inGraph() }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func joinParents(ids []events.ID) []byte {
	out := make([]byte, 0, len(ids)*len(events.ID{}))
	for _, id := range ids {
		out = append(out, id[:]...)
	}
	return out
}

func splitParents(b []byte) []events.ID {
	const size = len(events.ID{})
	if len(b) < size {
		return nil
	}
	ids := make([]events.ID, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		ids = append(ids, events.ID(b[:size]))
	}
	return ids
}

// joinExtra writes attributes of a newer version, a line each: their names have no
// colon and their values no line break.
func joinExtra(list []events.Attribute) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%s:%s\n", a.Name, a.Value)
	}
	return b.String()
}

func splitExtra(s string) []events.Attribute {
	var list []events.Attribute
	for line := range strings.Lines(s) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		list = append(list, events.Attribute{Name: name, Value: value})
	}
	return list
}

// bytesOf is a digest for the file: nothing where it was never set.
func bytesOf(d events.Digest) []byte {
	if d.IsZero() {
		return []byte{}
	}
	return d[:]
}

package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

var updatePosition = &statement{`UPDATE store SET
	sequence = iif(?1, ?2, sequence), hash = iif(?1, ?3, hash), stream = iif(?4 = '', stream, ?4)`}

// Apply takes in a batch and the position that it leads to, all of it or nothing, and
// returns the records that changed. What is here already changes nothing, save that
// the better of two verdicts counts, and the first of two places in the log: so
// batches may come in any order, of any size, and more than once.
func (s *Store) Apply(ctx context.Context, in Batch) ([]events.Record, error) {
	var changed []events.Record
	err := s.change(ctx, fmt.Sprintf("apply %d entries", len(in.Entries)), func(b *batch) error {
		if err := b.prefetch(in.Entries); err != nil {
			return err
		}
		b.many = len(in.Entries) >= s.many
		b.later = in.Later || b.many
		if len(in.Entries) >= manyEntries {
			b.ahead = s.lookAhead(in.Entries)
			defer b.ahead()
		}
		for i := range in.Entries {
			if err := b.alive(i); err != nil {
				return err
			}
			if err := b.take(&in.Entries[i], i); err != nil {
				return fmt.Errorf("entry at %d of the log: %w", in.Entries[i].Sequence, err)
			}
		}
		if in.Position != (events.Position{}) || in.Stream != "" {
			moved := in.Position != (events.Position{})
			if _, err := b.exec(updatePosition, moved, int64(in.Position.Sequence), in.Position.Hash[:], in.Stream); err != nil {
				return err
			}
		}
		changed = b.changed()
		if in.Arrives != nil {
			*in.Arrives = time.UnixMilli(b.arrived).UTC()
		}
		b.before = in.Before
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

var errNoPlace = errors.New("a message that is no event has no place in the log, so it came from nowhere")

// alone is the index of an entry that is none of the batch's.
const alone = -1

// take takes in one entry, the one at i of the batch.
func (b *batch) take(e *Entry, i int) error {
	switch {
	case e.Event == nil && e.Sequence == 0:
		return errNoPlace
	case e.Event == nil:
		return b.takeBroken(e, e.Message)
	case e.Event.Practice != b.store.options.Practice:
		m, err := events.Encode(e.Event)
		if err != nil {
			return err
		}
		return b.takeBroken(&Entry{Sequence: e.Sequence, Stored: e.Stored, Hash: e.Hash, Reason: "it is an event of another practice"}, m)
	}
	r, err := b.record(e.Event.Record)
	if err != nil {
		return err
	}
	arrival, err := b.insert(e, r)
	if err != nil {
		return err
	}
	if arrival == 0 {
		return b.again(e)
	}
	r.touched, r.gone = true, false
	if err := b.extend(e.Event, e.Doubt); err != nil {
		return err
	}
	v := newVersion(e, arrival, i)
	if !v.inGraph() {
		r.empty = false
		return nil
	}
	return b.grow(r, v)
}

func newVersion(e *Entry, arrival int64, i int) *version {
	return &version{
		row:  row{place: placeOf(e), arrival: arrival, doubt: e.Doubt, event: e.Event},
		body: e.Body, opened: e.Body != nil, entry: i + 1,
	}
}

// insert writes the row of an event. It returns 0 where its id stands already.
func (b *batch) insert(e *Entry, r *record) (arrival int64, err error) {
	d, err := b.dossier(e.Event.Patient)
	if err != nil {
		return 0, err
	}
	v, err := b.device(e.Event.Device)
	if err != nil {
		return 0, err
	}
	p, ev := placeOf(e), e.Event
	st, args := insertPlain, append(b.args[:0], b.arrival+1, ev.ID[:], r.key, d.key, v.key, int64(ev.Chain.Counter),
		p.sequence, p.stored, bytesOf(p.hash), b.arrived, ev.Time.UnixMilli(), ev.Author, joinParents(ev.Parents),
		bytesOf(ev.Chain.Previous), ev.Signature[:], nonNil(ev.Sealed))
	if !plain(e) {
		st, args = insertEvent, append(args, string(e.Doubt), e.Reason, string(ev.Type), bytesOf(ev.Replaces), ev.ContentType, joinExtra(ev.Extra))
	}
	b.args = args
	unknown := b.strangers.isEvent(ev.ID)
	b.strangers.meetEvent(ev.ID)
	if unknown && st == insertPlain && b.lastEvent == b.arrival {
		err = b.hold(&insertNew, b.arrival+1, args[1:]...)
	} else if n, failed := b.exec(st, args...); failed != nil || n == 0 {
		return 0, failed
	}
	if err != nil {
		return 0, err
	}
	d.reach(p.sequence)
	b.lastEvent = b.next()
	return b.lastEvent, nil
}

// plain reports whether an event has in common what nearly all have.
func plain(e *Entry) bool {
	return e.Doubt == "" && e.Reason == "" && e.Event.Type == events.Written && e.Event.Replaces.IsZero() &&
		e.Event.ContentType == events.ContentFHIR && len(e.Event.Extra) == 0
}

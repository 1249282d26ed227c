package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// batch is one change of the store, from BEGIN to COMMIT. Nothing of it outlives the
// transaction, so a rollback leaves no memory of what was undone, and another program
// that writes the same file does no harm.
type batch struct {
	ctx   context.Context
	store *Store
	*writer

	arrival int64        // last number given
	arrived int64        // time of this change
	before  func() error // what is waited for before the commit; nil: nothing
	ahead   func() []found
	many    bool // it has many entries, and more such batches may follow
	later   bool // its records are indexed later

	strangers *strangers
	records   map[events.Record]*record
	byKey     map[int64]*record // of the first records of order, as far as somebody asked
	order     []*record         // in the order in which they were met
	dossiers  map[string]*dossier
	devices   map[string]*device
	args      []any     // of the row under way
	called    []nameRow // new ones
	lately    int       // numbers that stand in named_lately, about; see Store
	fresh     []*record // new ones that were settled and have no row yet

	lastRecord, lastDossier, lastDevice int64 // keys given
	lastEvent                           int64 // the highest there is; -1: not known

	upTo    int64 // records up to this key are indexed, but for those that wait
	waiting bool  // there are some
	left    int64 // so many this batch left to be indexed
}

var (
	selectStore = &statement{`SELECT arrival, arrived, indexed, EXISTS (SELECT 1 FROM unindexed),
		(SELECT ifnull(max(arrival), 0) FROM event), (SELECT ifnull(max(key), 0) FROM record), (SELECT ifnull(max(key), 0) FROM dossier), (SELECT ifnull(max(key), 0) FROM device) FROM store`}
	updateStore  = &statement{"UPDATE store SET arrival = ?, arrived = ?, indexed = ?"}
	insertNotice = &statement{`INSERT INTO notice (arrival, arrived, type, id, patient, event, what, device, author, removed, of_event)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`}
	updateArrived = &statement{"UPDATE event SET arrived = ? WHERE arrival = ?"}
)

func newBatch(ctx context.Context, s *Store) (*batch, error) {
	b := &batch{
		ctx: ctx, store: s, writer: s.writer, lately: s.lately,
		records: make(map[events.Record]*record), byKey: make(map[int64]*record),
		dossiers: make(map[string]*dossier), devices: make(map[string]*device),
	}
	if _, err := b.one(selectStore, nil, &b.arrival, &b.arrived, &b.upTo, &b.waiting, &b.lastEvent, &b.lastRecord, &b.lastDossier, &b.lastDevice); err != nil {
		return nil, err
	}
	s.acquaint(b)
	// A clock that is set back must not let something arrive before what is here.
	b.arrived = max(b.arrived, s.options.Now().UnixMilli())
	return b, nil
}

// next gives the number of something that comes in.
func (b *batch) next() int64 {
	b.arrival++
	return b.arrival
}

// notice puts a change of an event that had come before into the feed. One whose verdict
// got better came now, for whoever asks what came since.
func (b *batch) notice(held *row, removed bool) error {
	e, of := held.event, held.arrival
	if removed {
		of = 0
	} else if _, err := b.exec(updateArrived, b.arrived, of); err != nil {
		return err
	}
	_, err := b.exec(insertNotice, b.next(), b.arrived, e.Record.Type, e.Record.ID, e.Patient, e.ID[:], string(e.Type), e.Device, e.Author, removed, of)
	return err
}

// flush writes what the batch has kept in memory.
func (b *batch) flush() error {
	index := &indexing{batch: b}
	// By key, so that neighbours in the file are written one after the other.
	for _, r := range slices.SortedFunc(slices.Values(b.order), func(x, y *record) int { return cmp.Compare(x.key, y.key) }) {
		head, fresh := r.pending, r.fresh
		if err := b.settle(r); err != nil {
			return fmt.Errorf("settle %s: %w", r.name, err)
		}
		if err := index.settled(r, head, fresh); err != nil {
			return fmt.Errorf("index %s: %w", r.name, err)
		}
	}
	if err := b.addFresh(); err != nil {
		return fmt.Errorf("add records: %w", err)
	}
	if err := index.end(); err != nil {
		return err
	}
	if err := b.writeNames(); err != nil {
		return err
	}
	for _, d := range b.dossiers {
		if d.dirty {
			if _, err := b.exec(updateDossier, d.sequence, d.key); err != nil {
				return err
			}
		}
	}
	for _, d := range b.devices {
		if err := b.saveDevice(d); err != nil {
			return err
		}
	}
	_, err := b.exec(updateStore, b.arrival, b.arrived, b.upTo)
	return err
}

// changed lists the records that the batch touched, in the order in which it met them.
func (b *batch) changed() []events.Record {
	var list []events.Record
	for _, r := range b.order {
		if r.touched {
			list = append(list, r.name)
		}
	}
	return list
}

// alive asks now and then whether anybody still waits for the batch.
func (b *batch) alive(n int) error {
	if n%256 != 0 {
		return nil
	}
	return b.ctx.Err()
}

// moment is a time of arrival as the outside sees it: what the file brought with it
// came when the file did.
func (v *view) moment(milliseconds int64) time.Time {
	return time.UnixMilli(max(milliseconds, v.began)).UTC()
}

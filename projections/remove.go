package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
)

var (
	deleteRow       = &statement{"DELETE FROM event WHERE arrival = ?"}
	deleteRecord    = &statement{"DELETE FROM record WHERE key = ?"}
	deleteHeads     = &statement{"DELETE FROM head WHERE record = ?"}
	deleteWaitingOf = &statement{"DELETE FROM waiting WHERE record = ?"}
	selectCarriers  = &statement{"SELECT carrier, terms FROM head WHERE record = ?"}
	selectVersions  = &statement{"SELECT arrival FROM event WHERE record = ? AND " + inGraph + " ORDER BY id"}
	selectAnyEvent  = &statement{"SELECT 1 FROM event WHERE record = ? LIMIT 1"}
	selectIDArrival = &statement{"SELECT arrival FROM event WHERE id = ?"}
)

// Remove takes a queued event out again, because the server refused the write as stale
// or a user set it aside: everything is then as if it had never been, except for the
// feed, which tells of it. ErrNotQueued where the event is not here or in the log.
func (s *Store) Remove(ctx context.Context, id events.ID) error {
	what := fmt.Sprintf("take out event %s", id)
	if err := s.awaitPromised(ctx); err != nil { // it may be what was promised
		return fmt.Errorf("%s: %w", what, err)
	}
	return s.change(ctx, what, func(b *batch) error {
		var arrival int64
		found, err := b.one(selectIDArrival, []any{id[:]}, &arrival)
		if err == nil && !found {
			err = ErrNotQueued
		}
		if err != nil {
			return err
		}
		held, err := b.load(arrival)
		if err != nil {
			return err
		}
		if held.sequence != 0 {
			return ErrNotQueued
		}
		if err := b.takeOut(&held.row); err != nil {
			return err
		}
		return b.notice(&held.row, true)
	})
}

// takeOut deletes the rows of events, and makes their records and their devices' chains anew, each once.
func (b *batch) takeOut(gone ...*row) error {
	var records []*record
	met := make(map[*record]bool)
	for _, held := range gone {
		r, err := b.record(held.event.Record)
		if err != nil {
			return err
		}
		if _, err := b.exec(deleteRow, held.arrival); err != nil {
			return err
		}
		if !met[r] {
			met[r] = true
			records = append(records, r)
		}
	}
	b.lastEvent = -1 // it may have been one of them
	type link struct {
		device  string
		counter uint64
	}
	shrunk := make(map[link]bool)
	for n, held := range gone {
		of := link{held.event.Device, held.event.Chain.Counter}
		if held.doubt == DoubtSignature || shrunk[of] {
			continue
		}
		shrunk[of] = true
		if err := errors.Join(b.alive(n), b.shrink(held)); err != nil {
			return err
		}
	}
	for n, r := range records {
		if err := errors.Join(b.alive(n), b.rebuild(r)); err != nil {
			return err
		}
	}
	return nil
}

// rebuild makes what is derived for a record anew from its events.
func (b *batch) rebuild(r *record) error {
	r.touched = true
	if err := b.clear(r); err != nil {
		return err
	}
	var arrivals []int64
	err := b.each(selectVersions, []any{r.key}, func(scan func(...any) error) error {
		var arrival int64
		if err := scan(&arrival); err != nil {
			return err
		}
		arrivals = append(arrivals, arrival)
		return nil
	})
	if err != nil {
		return err
	}
	for _, arrival := range arrivals {
		v, err := b.load(arrival)
		if err != nil {
			return err
		}
		if err := b.grow(r, v); err != nil {
			return err
		}
	}
	var one int
	found, err := b.one(selectAnyEvent, []any{r.key}, &one)
	r.gone = !found
	return err
}

// clear makes a record one that has no version.
func (b *batch) clear(r *record) error {
	r.free(r.index.carrier)
	if r.many {
		err := b.each(selectCarriers, []any{r.key}, func(scan func(...any) error) error {
			var c carrier
			err := scan(&c.key, &c.terms)
			r.free(c)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := b.dropFreed(r); err != nil {
		return err
	}
	if _, err := b.exec(deleteHeads, r.key); err != nil {
		return err
	}
	if _, err := b.exec(deleteWaitingOf, r.key); err != nil {
		return err
	}
	*r = record{key: r.key, name: r.name, fresh: r.fresh, touched: r.touched}
	return nil
}

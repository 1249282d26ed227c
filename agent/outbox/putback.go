package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
)

// PutBack puts events into the queue that this file had and has no more, since it was lost or
// came back from an older copy: as they are, at their own places in the chain, with the keys
// that they need. An older form of one of them leaves the file. What else stands in the place
// of one was given up before that place was given away: renew gives it a new number at the
// end. The device's next event carries next, or what comes after the queue, whichever is
// farther. It must be called before anything is sent. It returns what got a new number.
func (o *Outbox) PutBack(ctx context.Context, next events.Chain, keys []events.WrappedKey, renew func(events.Event, events.Chain) *events.Event, list ...*events.Event) (renewed []*events.Event, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next.Counter > next.Counter { // else its last may be displaced
		next = o.next
	}
	end := next
	err = o.change(ctx, o.durable, fmt.Sprintf("put %d events back", len(list)), o.load, func(tx change) error {
		if err := tx.setChain(next); err != nil {
			return err
		}
		var displaced []Entry
		for _, e := range list {
			was, err := tx.putBack(e)
			if err != nil {
				return err
			}
			displaced = append(displaced, was...)
		}
		slices.SortStableFunc(displaced, func(x, y Entry) int { return cmp.Compare(x.Counter, y.Counter) })
		for _, entry := range displaced {
			old, err := entry.Event()
			if err != nil {
				return err
			}
			e := renew(*old, end)
			if err := tx.insertOf(e, entry.Together); err != nil {
				return err
			}
			renewed, end = append(renewed, e), e.Follows()
		}
		return tx.enqueue(keys, nil, false)
	})
	if err != nil {
		return nil, err
	}
	o.keyed = o.keyed || len(keys) > 0
	return renewed, o.load(ctx)
}

// putBack puts an event at its place in the queue, and returns what stood there.
func (c change) putBack(e *events.Event) (displaced []Entry, err error) {
	for _, table := range []string{"queue", "aside"} {
		if _, err := c.Exec("DELETE FROM "+table+" WHERE id = ?", e.ID[:]); err != nil {
			return nil, err
		}
	}
	there := Entry{Counter: e.Chain.Counter}
	var text, together []byte
	err = c.QueryRow("DELETE FROM queue WHERE counter = ? RETURNING message, together", there.Counter).Scan(&text, &together)
	switch {
	case err == nil:
		if there.Message, err = unframe(text); err != nil {
			return nil, err
		}
		copy(there.Together[:], together)
		displaced = append(displaced, there)
	case !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	return displaced, c.insert(e)
}

package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/carelog/carelog/events"
)

// Stubbed is an event that is set aside, and the stub that takes its place in the chain:
// it carries the event's own number and names it.
type Stubbed struct{ Event, Stub *events.Event }

// SetAside marks events as refused for good and puts their stubs in their places in the
// chain, so that what comes after them can go on: all of them, or none. The events of a
// transaction are set aside together.
func (o *Outbox) SetAside(ctx context.Context, reason string, list ...Stubbed) error {
	for _, s := range list {
		if s.Stub.Chain != s.Event.Chain || s.Stub.Replaces != s.Event.Link() {
			return fmt.Errorf("set aside event %s: the stub stands for another event", s.Event.ID)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.change(ctx, o.durable, "set aside event "+list[0].Event.ID.String(), o.load, func(tx change) error {
		for _, s := range list {
			if err := tx.setAside(s, reason); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		for _, s := range list {
			o.aside[s.Event.ID] = s.Event.Fingerprint()
		}
	}
	return err
}

func (c change) setAside(s Stubbed, reason string) error {
	counter := s.Event.Chain.Counter
	r, err := c.Exec(`INSERT INTO aside (id, counter, fingerprint, together, attempts, reason, message)
		SELECT id, counter, fingerprint, together, attempts, ?, message FROM queue WHERE counter = ? AND id = ?`, reason, counter, s.Event.ID[:])
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrNotQueued)
	}
	if _, err := c.remove(counter, counter); err != nil {
		return err
	}
	return c.insert(s.Stub)
}

// IsSetAside reports whether the server refused an event for good.
func (o *Outbox) IsSetAside(id events.ID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.aside[id]
	return ok
}

// CountSetAside is the number of events that the server refused for good.
func (o *Outbox) CountSetAside() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.aside)
}

// held returns an event that was set aside, with what was set aside of its transaction,
// in the order of the chain; or ErrNotQueued.
func (o *Outbox) held(ctx context.Context, id events.ID) ([]Entry, error) {
	list, err := o.entries(ctx, "SELECT "+asideColumns+` WHERE id = ?1
		OR together <> x'' AND together = (SELECT together FROM aside WHERE id = ?1) ORDER BY counter`, id[:])
	if err != nil || len(list) > 0 {
		return list, err
	}
	var waits bool
	if err := o.relaxed.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM queue WHERE id = ?)", id[:]).Scan(&waits); err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	if waits {
		return nil, fmt.Errorf("event %s was not set aside, and waits to be sent", id)
	}
	return nil, fmt.Errorf("event %s: %w", id, ErrNotQueued)
}

// Held returns an event that was set aside, with what was set aside of its transaction, in the
// order of the chain; or ErrNotQueued.
func (o *Outbox) Held(ctx context.Context, id events.ID) ([]*events.Event, error) {
	entries, err := o.held(ctx, id)
	if err != nil {
		return nil, err
	}
	return Events(entries)
}

// Requeue puts an event that was set aside at the end of the queue again, in the form
// that renew gives it: its old number in the chain is taken by the stub. What was set
// aside of the same transaction comes with it. It returns all that is queued again.
func (o *Outbox) Requeue(ctx context.Context, id events.ID, renew func(events.Event, events.Chain) *events.Event) ([]*events.Event, error) {
	entries, err := o.held(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("queue again: %w", err)
	}
	held, err := Events(entries)
	if err != nil {
		return nil, fmt.Errorf("queue again: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var renewed []*events.Event
	next := o.next
	err = o.change(ctx, o.durable, "queue event "+id.String()+" again", o.load, func(tx change) error {
		for i, old := range held {
			e := renew(*old, next)
			if _, err := tx.Exec("DELETE FROM aside WHERE id = ?", old.ID[:]); err != nil {
				return err
			}
			if err := tx.insertOf(e, entries[i].Together); err != nil {
				return err
			}
			renewed = append(renewed, e)
			next = e.Follows()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.next = next
	o.count += len(renewed)
	for _, e := range renewed {
		delete(o.aside, e.ID)
	}
	return renewed, nil
}

// Discard gives up an event that was set aside, and what was set aside of the same
// transaction. Who did it, when and why is kept with the events. It returns the ids of
// all that was given up.
func (o *Outbox) Discard(ctx context.Context, id events.ID, author, reason string, at time.Time) ([]events.ID, error) {
	if author == "" || reason == "" {
		return nil, errors.New("discard an event: say who discards it and why")
	}
	held, err := o.held(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("discard: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var gone []events.ID
	err = o.change(ctx, o.durable, "discard event "+id.String(), o.load, func(tx change) error {
		for _, e := range held {
			if _, err := tx.Exec(`INSERT INTO discarded (id, event, author, time, reason)
				SELECT id, message, ?, ?, ? FROM aside WHERE id = ?`, author, at.UTC().Format(time.RFC3339Nano), reason, e.ID[:]); err != nil {
				return err
			}
			if _, err := tx.Exec("DELETE FROM aside WHERE id = ?", e.ID[:]); err != nil {
				return err
			}
			gone = append(gone, e.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range gone {
		delete(o.aside, id)
	}
	return gone, nil
}

// Discarded lists the events that named users gave up.
func (o *Outbox) Discarded(ctx context.Context) (ids []events.ID, err error) {
	rows, err := o.relaxed.QueryContext(ctx, "SELECT id FROM discarded")
	if err != nil {
		return nil, fmt.Errorf("list what was discarded: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list what was discarded: %w", err)
		}
		ids = append(ids, events.ID(id))
	}
	return ids, rows.Err()
}

// Rechain gives the queue new numbers after next, the true end of the device's chain
// as the log has it: this PC's disk came back from an older copy. renew signs each
// event anew. It returns the events as they are now.
func (o *Outbox) Rechain(ctx context.Context, next events.Chain, renew func(events.Event, events.Chain) *events.Event) ([]*events.Event, error) {
	entries, err := o.entries(ctx, "SELECT "+columns+" ORDER BY counter")
	if err != nil {
		return nil, fmt.Errorf("number the queue anew: %w", err)
	}
	queued, err := Events(entries)
	if err != nil {
		return nil, fmt.Errorf("number the queue anew: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var renewed []*events.Event
	err = o.change(ctx, o.durable, "number the queue anew", o.load, func(tx change) error {
		if _, err := tx.remove(0, math.MaxInt64); err != nil {
			return err
		}
		for i, old := range queued {
			if old.Type == events.SetAside {
				continue // it stood for a number that others have taken
			}
			e := renew(*old, next)
			if err := tx.insertOf(e, entries[i].Together); err != nil {
				return err
			}
			renewed = append(renewed, e)
			next = e.Follows()
		}
		return tx.setChain(next)
	})
	if err != nil {
		return nil, err
	}
	o.next = next
	o.count = len(renewed)
	clear(o.sent)
	o.sentTo = 0
	return renewed, nil
}

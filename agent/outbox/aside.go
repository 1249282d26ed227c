package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/carelog/carelog/events"
)

// SetAside marks an event as refused for good and puts its stub in its place in the
// chain, so that what comes after it can go on. The stub carries the event's own
// chain and names it.
func (o *Outbox) SetAside(ctx context.Context, e *events.Event, reason string, stub *events.Event) error {
	if stub.Chain != e.Chain || stub.Replaces != e.Link() {
		return fmt.Errorf("set aside event %s: the stub stands for another event", e.ID)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	print := e.Fingerprint()
	err := o.change(ctx, o.durable, "set aside event "+e.ID.String(), o.load, func(tx change) error {
		r, err := tx.Exec(`INSERT INTO aside (id, counter, fingerprint, attempts, reason, message)
			SELECT id, counter, fingerprint, attempts, ?, message FROM queue WHERE counter = ? AND id = ?`, reason, e.Chain.Counter, e.ID[:])
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrNotQueued)
		}
		if _, err := tx.remove(e.Chain.Counter, e.Chain.Counter); err != nil {
			return err
		}
		return tx.insert(stub)
	})
	if err == nil {
		o.aside[e.ID] = print
	}
	return err
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

// held returns an event that was set aside, or ErrNotQueued.
func (o *Outbox) held(ctx context.Context, id events.ID) (*events.Event, error) {
	list, err := o.entries(ctx, "SELECT counter, id, message, attempts, reason, 1 FROM aside WHERE id = ?", id[:])
	if err != nil {
		return nil, err
	}
	if len(list) == 1 {
		return list[0].Event()
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

// Requeue puts an event that was set aside at the end of the queue again, in the
// form that renew gives it: its old number in the chain is taken by the stub.
func (o *Outbox) Requeue(ctx context.Context, id events.ID, renew func(events.Event, events.Chain) *events.Event) (*events.Event, error) {
	held, err := o.held(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("queue again: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var e *events.Event
	err = o.change(ctx, o.durable, "queue event "+id.String()+" again", o.load, func(tx change) error {
		e = renew(*held, o.next)
		if _, err := tx.Exec("DELETE FROM aside WHERE id = ?", id[:]); err != nil {
			return err
		}
		if err := tx.insert(e); err != nil {
			return err
		}
		return tx.setChain(e.Follows())
	})
	if err != nil {
		return nil, err
	}
	o.next = e.Follows()
	o.count++
	delete(o.aside, id)
	return e, nil
}

// Discard gives up an event that was set aside. Who did it, when and why is kept
// with the event.
func (o *Outbox) Discard(ctx context.Context, id events.ID, author, reason string, at time.Time) error {
	if author == "" || reason == "" {
		return errors.New("discard an event: say who discards it and why")
	}
	if _, err := o.held(ctx, id); err != nil {
		return fmt.Errorf("discard: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.change(ctx, o.durable, "discard event "+id.String(), o.load, func(tx change) error {
		if _, err := tx.Exec(`INSERT INTO discarded (id, event, author, time, reason)
			SELECT id, message, ?, ?, ? FROM aside WHERE id = ?`, author, at.UTC().Format(time.RFC3339Nano), reason, id[:]); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM aside WHERE id = ?", id[:])
		return err
	})
	if err == nil {
		delete(o.aside, id)
	}
	return err
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
	entries, err := o.entries(ctx, "SELECT counter, id, message, attempts, last_error, 0 FROM queue ORDER BY counter")
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
		for _, old := range queued {
			if old.Type == events.SetAside {
				continue // it stood for a number that others have taken
			}
			e := renew(*old, next)
			if err := tx.insert(e); err != nil {
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

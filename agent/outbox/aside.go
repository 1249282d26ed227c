package outbox

import (
	"context"
	"errors"
	"fmt"
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
	return o.locked(ctx, o.durable, "set aside event "+e.ID.String(), func(tx change) error {
		if _, err := tx.Exec("UPDATE queue SET set_aside = 1, last_error = ? WHERE id = ?", reason, e.ID[:]); err != nil {
			return err
		}
		return tx.insert(stub)
	})
}

// Requeue puts an event that was set aside at the end of the queue again, in the
// form that renew gives it: its old number in the chain is taken by the stub.
func (o *Outbox) Requeue(ctx context.Context, id events.ID, renew func(events.Event, events.Chain) *events.Event) (*events.Event, error) {
	entry, err := o.Entry(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("queue again: %w", err)
	}
	if !entry.SetAside {
		return nil, fmt.Errorf("queue event %s again: it was not set aside, and waits to be sent", id)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e := renew(*entry.Event, o.next)
	err = o.durable.write(ctx, func(tx change) error {
		if err := tx.remove(id); err != nil {
			return err
		}
		if err := tx.insert(e); err != nil {
			return err
		}
		return tx.setChain(e.Follows())
	})
	if err != nil {
		return nil, fmt.Errorf("queue event %s again: %w", id, err)
	}
	o.next = e.Follows()
	o.count++
	return e, nil
}

// Discard gives up an event that was set aside. Who did it, when and why is kept
// with the event.
func (o *Outbox) Discard(ctx context.Context, id events.ID, author, reason string, at time.Time) error {
	if author == "" || reason == "" {
		return errors.New("discard an event: say who discards it and why")
	}
	if _, err := o.Entry(ctx, id); err != nil {
		return fmt.Errorf("discard: %w", err)
	}
	return o.locked(ctx, o.durable, "discard event "+id.String(), func(tx change) error {
		r, err := tx.Exec(`INSERT INTO discarded (id, event, author, time, reason)
			SELECT id, event, ?, ?, ? FROM queue WHERE id = ? AND set_aside = 1`, author, at.UTC().Format(time.RFC3339Nano), reason, id[:])
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errors.New("it was not set aside: only what the server refused can be discarded"))
		}
		return tx.remove(id)
	})
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
	pending, err := o.Pending(ctx, -1)
	if err != nil {
		return nil, fmt.Errorf("number the queue anew: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var renewed []*events.Event
	err = o.durable.write(ctx, func(tx change) error {
		for _, p := range pending {
			if err := tx.remove(p.Event.ID); err != nil {
				return err
			}
			if p.Event.Type == events.SetAside {
				continue // it stood for a number that others have taken
			}
			e := renew(*p.Event, next)
			if err := tx.insert(e); err != nil {
				return err
			}
			renewed = append(renewed, e)
			next = e.Follows()
		}
		return tx.setChain(next)
	})
	if err != nil {
		return nil, fmt.Errorf("number the queue anew: %w", err)
	}
	o.next = next
	o.count = len(renewed)
	return renewed, nil
}

package outbox

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// What the server has acknowledged is not yet safe: its disk may come back from an
// older copy before anybody has read the event. So an event stays in the file until
// it was read in the log, and is only not pending meanwhile. What is noted here is
// forgotten with the process; the log then tells.

// Sent notes that the server acknowledged an event at its place in the log. It is not
// pending any more. One that was confirmed already is passed over.
func (o *Outbox) Sent(ctx context.Context, id events.ID, sequence uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var waits int
	if err := o.relaxed.waits.QueryRowContext(ctx, id[:]).Scan(&waits); err != nil {
		return fmt.Errorf("note that event %s was sent: %w", id, err)
	}
	if waits > 0 {
		o.sent[id] = sequence
	}
	return nil
}

// Overdue counts the events that the server acknowledged at a place up to sequence and
// that were not confirmed: who has read the log up to there knows that it lost them.
func (o *Outbox) Overdue(sequence uint64) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range o.sent {
		if at <= sequence {
			n++
		}
	}
	return n
}

// Unsend makes everything pending again that was sent and not confirmed.
func (o *Outbox) Unsend() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.sent)
}

// Arrived removes events that were read in the log, as Confirm does, and the keys that
// were made here for them.
func (o *Outbox) Arrived(ctx context.Context, list ...*events.Event) error {
	ids := make([]events.ID, len(list))
	keys := make(map[string]bool)
	for i, e := range list {
		ids[i] = e.ID
		if key, err := events.SealedBy(e.Sealed); err == nil {
			keys[events.WrappedKey{Patient: e.Patient, ID: key}.Name()] = true
		}
	}
	return o.confirm(ctx, ids, keys)
}

func (o *Outbox) confirm(ctx context.Context, ids []events.ID, keys map[string]bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := 0
	err := o.relaxed.write(ctx, func(tx change) error {
		for _, id := range ids {
			if err := tx.remove(id); err != nil {
				return err
			}
		}
		for name := range keys {
			if _, err := tx.Exec("DELETE FROM keys WHERE name = ?", name); err != nil {
				return err
			}
		}
		return tx.QueryRow("SELECT count(*) FROM queue WHERE set_aside = 0").Scan(&count)
	})
	if err != nil {
		return fmt.Errorf("confirm %d events: %w", len(ids), err)
	}
	o.count = count
	for _, id := range ids {
		delete(o.sent, id)
	}
	return nil
}

// unsent leaves out what was sent and waits to be confirmed.
func (o *Outbox) unsent(list []Entry) []Entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := list[:0]
	for _, e := range list {
		if _, ok := o.sent[e.Event.ID]; !ok || e.SetAside {
			kept = append(kept, e)
		}
	}
	return kept
}

// CountSetAside is the number of events that the server refused for good.
func (o *Outbox) CountSetAside(ctx context.Context) (n int, err error) {
	if err := o.relaxed.QueryRowContext(ctx, "SELECT count(*) FROM queue WHERE set_aside = 1").Scan(&n); err != nil {
		return 0, fmt.Errorf("count what was set aside: %w", err)
	}
	return n, nil
}

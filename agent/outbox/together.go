package outbox

import (
	"context"

	"github.com/carelog/carelog/events"
)

// EnqueueTogether is Enqueue for the events of one transaction, which the server stores
// as a whole or not at all. That they belong together is kept with them, and goes with
// them where they get other numbers, are set aside, or are queued again.
func (o *Outbox) EnqueueTogether(ctx context.Context, keys []events.WrappedKey, list ...*events.Event) error {
	return o.enqueue(ctx, keys, list, len(list) > 1)
}

// join makes what stands in the queue from one place in the chain to another one
// transaction, by the id of its first event.
func (c change) join(first events.ID, from, to uint64) error {
	_, err := c.Exec("UPDATE queue SET together = ? WHERE counter BETWEEN ? AND ?", first[:], from, to)
	return err
}

// insertOf puts an event at its place in the queue, as a part of its transaction.
func (c change) insertOf(e *events.Event, together events.ID) error {
	if err := c.insert(e); err != nil || together.IsZero() {
		return err
	}
	return c.join(together, e.Chain.Counter, e.Chain.Counter)
}

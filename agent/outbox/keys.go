package outbox

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// Keys returns the keys made here for events that were not yet read in the log.
func (o *Outbox) Keys(ctx context.Context) ([]events.WrappedKey, error) {
	rows, err := o.relaxed.QueryContext(ctx, "SELECT name, wrapped FROM keys ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read the keys of the outbox: %w", err)
	}
	defer rows.Close()
	var keys []events.WrappedKey
	for rows.Next() {
		var name string
		var wrapped []byte
		if err := rows.Scan(&name, &wrapped); err != nil {
			return nil, fmt.Errorf("read the keys of the outbox: %w", err)
		}
		k, err := events.ParseWrappedKey(name, wrapped)
		if err != nil {
			return nil, fmt.Errorf("read the keys of the outbox: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// TakeKeyed reports, once, whether keys came in since it was last asked. Whoever reads
// Pending first and asks this then, has not read an event whose key is not told of.
func (o *Outbox) TakeKeyed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	keyed := o.keyed
	o.keyed = false
	return keyed
}

// Offline reports whether the user chose to work offline, also in an earlier run.
func (o *Outbox) Offline(ctx context.Context) (chosen bool, err error) {
	if err := o.relaxed.QueryRowContext(ctx, "SELECT offline FROM chain").Scan(&chosen); err != nil {
		return false, fmt.Errorf("read the choice to work offline: %w", err)
	}
	return chosen, nil
}

// SetOffline keeps the user's choice to work offline, or online.
func (o *Outbox) SetOffline(ctx context.Context, chosen bool) error {
	return o.locked(ctx, o.durable, "keep the choice to work offline", func(tx change) error {
		_, err := tx.Exec("UPDATE chain SET offline = ?", chosen)
		return err
	})
}

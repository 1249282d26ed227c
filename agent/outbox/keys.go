package outbox

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/carelog/carelog/events"
)

// Keys returns the keys made here for events that were not yet read in the log, and those
// that the server refused.
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

// refusedKeys learns which keys the server refused.
func (o *Outbox) refusedKeys(ctx context.Context) (map[string]string, error) {
	rows, err := o.relaxed.QueryContext(ctx, "SELECT name, refused FROM keys WHERE refused <> ''")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make(map[string]string)
	for rows.Next() {
		var name, reason string
		if err := rows.Scan(&name, &reason); err != nil {
			return nil, err
		}
		list[name] = reason
	}
	return list, rows.Err()
}

// RefusedKeys says why the server refused keys, by their names. What is sealed by them no
// other device can open.
func (o *Outbox) RefusedKeys() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.barred)
}

// KeyRefused notes that the server refuses a key, and why. It is kept from then on, whatever
// becomes of the events that were sealed by it, until the server takes it. It may be one that
// was not here any more, which the server lost.
func (o *Outbox) KeyRefused(ctx context.Context, k events.WrappedKey, reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if reason = cmp.Or(reason, "no reason was given"); o.barred[k.Name()] == reason {
		return nil
	}
	err := o.change(ctx, o.durable, "keep key "+k.Name(), o.load, func(tx change) error {
		_, err := tx.Exec("INSERT INTO keys (name, wrapped, refused) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET refused = excluded.refused", k.Name(), k.Wrapped, reason)
		return err
	})
	if err == nil {
		o.barred[k.Name()] = reason
	}
	return err
}

// KeyTaken notes that the server has a key. One that it had refused is then kept as any other
// until an event that it seals was read in the log, and no longer where nothing waits here.
func (o *Outbox) KeyTaken(ctx context.Context, k events.WrappedKey) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, refused := o.barred[k.Name()]; !refused {
		return nil
	}
	text := "UPDATE keys SET refused = '' WHERE name = ?"
	if o.count == 0 {
		text = "DELETE FROM keys WHERE name = ?"
	}
	err := o.change(ctx, o.durable, "note that the server has key "+k.Name(), o.load, func(tx change) error {
		_, err := tx.Exec(text, k.Name())
		return err
	})
	if err == nil {
		delete(o.barred, k.Name())
	}
	return err
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

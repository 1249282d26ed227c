package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

var (
	insertErased   = insertRows("INSERT OR IGNORE INTO erased_key (patient, id) VALUES ", "(?, ?)", 2)
	updateKeysGone = &statement{"UPDATE store SET keys_gone = ?"}
)

// KeyCount is what there is to compare with the number of keys that the server has.
type KeyCount struct {
	Here int    // keys that are here and were not erased
	Gone uint64 // of the server's, when all that are here were there
	Seen bool   // whether that was ever compared
}

// CountKeys counts the keys that are here, and recalls the last comparison.
func (s *Store) CountKeys(ctx context.Context) (c KeyCount, err error) {
	err = s.glance(ctx, "count the keys", func(v *view) error {
		var gone int64
		_, err := v.one(countKeys, nil, &c.Here, &gone)
		c.Gone, c.Seen = uint64(max(gone, 0)), gone >= 0
		return err
	})
	return c, err
}

// Few keys are erased, and each is found by its name.
const countKeys = `SELECT keys_here - (SELECT count(*) FROM erased_key CROSS JOIN wrapped_key USING (patient, id)), keys_gone FROM store`

// PutKeysGone notes that all keys that are here were there when so many were gone.
func (s *Store) PutKeysGone(ctx context.Context, gone uint64) error {
	return s.change(ctx, "note that the server has all keys", func(b *batch) error {
		_, err := b.exec(updateKeysGone, int64(gone))
		return err
	})
}

// PutErasedKeys notes keys that were erased from the server. Those that are here stay.
func (s *Store) PutErasedKeys(ctx context.Context, keys ...events.WrappedKey) error {
	rows := make([]any, 0, insertErased.values*len(keys))
	for i := range keys {
		rows = append(rows, keys[i].Patient, keys[i].ID[:])
	}
	return s.change(ctx, "note which keys were erased", func(b *batch) error {
		_, err := b.addRows(&insertErased, rows)
		return err
	})
}

// ErasedKeys are the names of the keys that were erased from the server, as far as was heard.
func (s *Store) ErasedKeys(ctx context.Context) (names map[string]bool, err error) {
	names = make(map[string]bool)
	err = s.glance(ctx, "read which keys were erased", func(v *view) error {
		return v.each("SELECT patient, id FROM erased_key", nil, func(scan func(...any) error) error {
			var k events.WrappedKey
			var id []byte
			err := scan(&k.Patient, &id)
			copy(k.ID[:], id)
			names[k.Name()] = true
			return err
		})
	})
	return names, err
}

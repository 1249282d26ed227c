package projections

import (
	"context"
	"iter"

	"github.com/carelog/carelog/events"
)

var insertKey = &statement{"INSERT OR IGNORE INTO wrapped_key (patient, id, wrapped) VALUES (?, ?, ?)"}

// PutKeys keeps wrapped keys. One that is here already stays as it is.
func (s *Store) PutKeys(ctx context.Context, keys ...events.WrappedKey) error {
	if len(keys) == 0 {
		return nil // as with nearly every change: that is no reason for a commit
	}
	return s.change(ctx, "keep keys", func(b *batch) error {
		for _, k := range keys {
			if _, err := b.exec(insertKey, k.Patient, k.ID[:], nonNil(k.Wrapped)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys is every wrapped key, by patient and id. The iteration ends after an error.
func (s *Store) Keys(ctx context.Context) iter.Seq2[events.WrappedKey, error] {
	return func(yield func(events.WrappedKey, error) bool) {
		var keys []events.WrappedKey
		err := s.view(ctx, "read the keys", func(v *view) error {
			return v.each("SELECT patient, id, wrapped FROM wrapped_key ORDER BY patient, id", nil, func(scan func(...any) error) error {
				var k events.WrappedKey
				var id []byte
				err := scan(&k.Patient, &id, &k.Wrapped)
				copy(k.ID[:], id)
				keys = append(keys, k)
				return err
			})
		})
		if err != nil {
			yield(events.WrappedKey{}, err)
			return
		}
		for _, k := range keys {
			if !yield(k, nil) {
				return
			}
		}
	}
}

package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
)

// newKeys are keys that were made for changes which are not safe yet. They are used for
// those changes only: a key that was lost with them must never seal anything else.
type newKeys struct {
	ring    *events.Keyring
	wrapped []events.WrappedKey
}

func (a *Agent) newKeys() *newKeys { return &newKeys{ring: events.NewKeyring(a.practice)} }

// seal seals a resource under its patient's key, and makes one where there is none.
func (a *Agent) seal(e *events.Event, body []byte, made *newKeys) ([]byte, error) {
	if a.ring.Has(e.Patient) {
		return a.ring.Seal(e.Patient, e.ID, e.Record, body)
	}
	if !made.ring.Has(e.Patient) {
		k, err := made.ring.Make(e.Patient)
		if err != nil {
			return nil, err
		}
		made.wrapped = append(made.wrapped, k)
	}
	return made.ring.Seal(e.Patient, e.ID, e.Record, body)
}

// keepKeys takes over keys that are in the outbox now. writing is held.
func (a *Agent) keepKeys(ctx context.Context, made *newKeys) error {
	for _, k := range made.wrapped {
		if err := a.ring.Add(k); err != nil {
			return err
		}
	}
	if len(made.wrapped) == 0 {
		return nil
	}
	a.owesKeys.Store(true)
	return a.store.PutKeys(ctx, made.wrapped...)
}

// pushKeys sends the keys that were made here, before the events that need them. One
// that the server refuses stops nothing else: this desk has it, and says so.
func (a *Agent) pushKeys(ctx context.Context, log Log) error {
	if made := a.outbox.TakeKeyed(); !a.owesKeys.Swap(false) && !made {
		return nil
	}
	keys, err := a.outbox.Keys(ctx)
	if err == nil && len(keys) > 1 && log.PutKeys(ctx, keys) == nil {
		return nil
	}
	for _, k := range keys { // the server has some of them, or does not take one

		if err != nil {
			break
		}
		err = log.PutKey(ctx, k)
		var refused *events.RefusedError
		if errors.As(err, &refused) {
			a.warn("key-refused", "The server refuses the key of patient %q: %s. The other desks cannot read what was written here of this patient.", k.Patient, refused.Reason)
			err = nil
		}
	}
	if err != nil {
		a.owesKeys.Store(true)
		return fmt.Errorf("send the keys of patients: %w", err)
	}
	return nil
}

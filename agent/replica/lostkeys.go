package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// CountKeys takes over what the state of the server's bucket of keys shows to be new, and counts
// the keys that are here then. LackedKeys finds out which ones are lost.
func (r *Replica) CountKeys(ctx context.Context, log Log, state events.KeyState) (count projections.KeyCount, err error) {
	err = r.noteErased(ctx, state)
	var read events.KeyMark
	if err == nil {
		read, err = r.config.Store.KeysRead(ctx)
	}
	if err == nil && read.Sequence != state.Counted { // else what came from others would stand for what is lost
		err = r.fetchKeys(ctx, log, read, func([]events.WrappedKey) {})
	}
	if err == nil {
		count, err = r.config.Store.CountKeys(ctx)
	}
	if err != nil {
		err = fmt.Errorf("compare the server's keys with ours: %w", err)
	}
	return count, err
}

// noSuchGone is noted as the number of the server's lost keys where that is not known any more, since
// the bucket has lost what was read of it: it differs from every real one, so that all keys are compared.
const noSuchGone = math.MaxInt64

// KeysThere notes that the server had every key that is here in a state, or was given it; what it
// refused of them is a debt of the outbox, and what was erased is not wanted there. What is gone of
// its keys else is none of ours, and not looked for again.
func (r *Replica) KeysThere(ctx context.Context, state events.KeyState) error {
	count, err := r.config.Store.CountKeys(ctx)
	if err != nil || count.Seen && count.Gone == state.Gone() {
		return err
	}
	return r.config.Store.PutKeysGone(ctx, state.Gone())
}

// noteErased keeps the names of the keys that were erased, which outlive the server's word.
func (r *Replica) noteErased(ctx context.Context, state events.KeyState) error {
	if len(state.Erased) == 0 {
		return nil
	}
	known, err := r.config.Store.ErasedKeys(ctx)
	if err != nil {
		return err
	}
	var fresh []events.WrappedKey
	for _, name := range state.Erased {
		if k, err := events.ParseWrappedKey(name, nil); err == nil && !known[k.Name()] { // else it is none of a key
			fresh = append(fresh, k)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, k := range fresh {
		r.config.Ring.Retire(k)
	}
	return r.config.Store.PutErasedKeys(ctx, fresh...)
}

// MendKeys takes the keys from the server that were found to be spoilt here, opens what waited for them, and returns how many
// they are. One that the server does not have, or has in no better form, stays spoilt.
func (r *Replica) MendKeys(ctx context.Context, log Log) (mended int, err error) {
	for _, spoilt := range r.config.Ring.Spoilt() {
		k, err := log.Key(ctx, spoilt.Patient, spoilt.ID)
		if errors.Is(err, events.ErrOffline) || ctx.Err() != nil {
			return mended, err
		}
		if err != nil || r.config.Ring.Check(k) != nil {
			continue
		}
		if err := r.config.Store.MendKey(ctx, k); err != nil {
			return mended, err
		}
		r.config.Ring.Mended(k)
		mended++
	}
	if mended == 0 {
		return 0, nil
	}
	err = r.reopen(ctx)
	r.weigh()
	return mended, err
}

// alive leaves out the keys that were erased: a server that came back from an older copy, or
// whose disk lost the note of it, has them again.
func (r *Replica) alive(ctx context.Context, keys []events.WrappedKey) ([]events.WrappedKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	erased, err := r.config.Store.ErasedKeys(ctx)
	if err != nil || len(erased) == 0 {
		return keys, err
	}
	return slices.DeleteFunc(keys, func(k events.WrappedKey) bool { return erased[k.Name()] }), nil
}

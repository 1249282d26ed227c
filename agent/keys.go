package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
)

// newKeys are keys that were made for changes which are not safe yet. They are used for
// those changes only: a key that was lost with them must never seal anything else.
type newKeys struct {
	ring    *events.Keyring
	wrapped []events.WrappedKey
}

func (a *Agent) newKeys() *newKeys { return &newKeys{ring: events.NewKeyring(a.practice)} }

// seal seals a resource under its patient's key, and makes one where there is none but erased ones.
func (a *Agent) seal(e *events.Event, body []byte, made *newKeys) ([]byte, error) {
	sealed, err := a.ring.Seal(e.Patient, e.ID, e.Record, body)
	if !errors.Is(err, events.ErrNoKey) {
		return sealed, err
	}
	has, err := made.ring.Has(e.Patient)
	if err != nil {
		return nil, err
	}
	if !has {
		k, err := made.ring.Make(e.Patient)
		if err != nil {
			return nil, err
		}
		made.wrapped = append(made.wrapped, k)
	}
	return made.ring.Seal(e.Patient, e.ID, e.Record, body)
}

// keepKeys takes over keys that are in the outbox now. Where the projection does not take them,
// that is made good later: what they seal may have been sent, and is not taken back for it.
// writing is held.
func (a *Agent) keepKeys(ctx context.Context, made *newKeys) {
	if len(made.wrapped) == 0 {
		return
	}
	a.owesKeys.Store(true)
	var failed error
	for _, k := range made.wrapped {
		failed = errors.Join(failed, a.ring.Add(k))
	}
	if err := errors.Join(failed, a.putKeys(ctx, made.wrapped)); err != nil {
		a.unshown.addKeys(err, made.wrapped)
		a.settleUnshown(err)
	}
}

// putKeys keeps keys that are on the ring, which need not have them from then on.
func (a *Agent) putKeys(ctx context.Context, keys []events.WrappedKey) error {
	err := a.store.PutKeys(ctx, keys...)
	if err == nil {
		a.ring.Stored(keys...)
	}
	return err
}

// pushKeys sends the keys that were made here, before the events that need them, and those
// that the server refused, once more.
func (a *Agent) pushKeys(ctx context.Context, log Log) error {
	if made := a.outbox.TakeKeyed(); !a.owesKeys.Swap(false) && !made {
		return nil
	}
	keys, err := a.outbox.Keys(ctx)
	if err == nil {
		err = a.giveKeys(ctx, log, keys)
	}
	if err != nil {
		a.owesKeys.Store(true)
		return fmt.Errorf("send the keys of patients: %w", err)
	}
	return nil
}

// giveKeys gives the server keys. One that it refuses stops nothing else, but nobody can open
// what is sealed by it where it is not: it is kept in the outbox, and the light is not
// green, until the server takes it.
func (a *Agent) giveKeys(ctx context.Context, log Log, keys []events.WrappedKey) error {
	defer a.tellRefusedKeys()
	kept := context.WithoutCancel(ctx)
	all := len(keys) > 1 && log.PutKeys(ctx, keys) == nil // else the server has some of them, or does not take one
	for _, k := range keys {
		var err error
		if !all {
			err = log.PutKey(ctx, k)
		}
		var refused *events.RefusedError
		switch {
		case err == nil:
			err = a.outbox.KeyTaken(kept, k)
		case errors.As(err, &refused):
			err = a.outbox.KeyRefused(kept, k, refused.Reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retryKeys sends the keys once more that the server refused, if any. It leaves alone what a
// change on its way made: whoever makes that sends its key first, and would else believe
// that it was sent.
func (a *Agent) retryKeys(ctx context.Context, log Log) error {
	refused := a.outbox.RefusedKeys()
	if len(refused) == 0 {
		return nil
	}
	keys, err := a.outbox.Keys(ctx)
	if err == nil {
		keys = slices.DeleteFunc(keys, func(k events.WrappedKey) bool { _, is := refused[k.Name()]; return !is })
		err = a.giveKeys(ctx, log, keys)
	}
	if err != nil {
		return fmt.Errorf("send the keys again that were refused: %w", err)
	}
	return nil
}

const warnRefusedKeys = "key-refused"

// tellRefusedKeys says which patients nobody else can read, and why; or that there is none. A
// light that was green is so no more, and not only from the next proof on.
func (a *Agent) tellRefusedKeys() {
	refused := a.outbox.RefusedKeys()
	if len(refused) == 0 {
		a.clearWarning(warnRefusedKeys)
		return
	}
	if a.light.State().Color == light.Online {
		a.setLight(light.Synchronising, reasonRefusedKeys(len(refused)), nil)
	}
	var whose []string
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		k, err := events.ParseWrappedKey(name, nil)
		if err != nil { // it was read as one when it came
			continue
		}
		whose = append(whose, fmt.Sprintf("of patient %q (%s)", k.Patient, refused[name]))
	}
	const shown = 5
	if more := len(whose) - shown; more > 0 {
		whose = append(whose[:shown], fmt.Sprintf("and %d more", more))
	}
	a.warn(warnRefusedKeys, "The server refuses keys: %s. No other desk can read what was written here of them, and this PC alone can open it: keep it running, and have the server looked at. They are sent again every few seconds.", strings.Join(whose, ", "))
}

func reasonRefusedKeys(n int) string {
	if n == 1 {
		return "the server refuses the key of a patient: no other desk can read what was written here"
	}
	return fmt.Sprintf("the server refuses the keys of %d patients: no other desk can read what was written here", n)
}

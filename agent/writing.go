package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// lockWriting takes the right to extend the chain.
func (a *Agent) lockWriting(ctx context.Context) error {
	select {
	case a.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another change of this desk: %w", context.Cause(ctx))
	}
}

func (a *Agent) unlockWriting() { <-a.writing }

// Write makes a change. It returns when the change is on the server's disk or, where
// the server cannot be reached or does not answer in time, in the outbox. Errors:
// ErrExists, ErrNotFound, ErrGone, ErrProtected, *StaleError, *MovedError, events.ErrTooLarge,
// *events.RefusedError, and those of the disk; after each of them nothing is written.
func (a *Agent) Write(ctx context.Context, d Draft) (Written, error) {
	if err := a.lockWriting(ctx); err != nil {
		return Written{}, err
	}
	defer a.unlockWriting()
	err := a.protect(ctx, d)
	if err == nil {
		var w Written
		if w, err = a.write(ctx, d); err == nil {
			return w, nil
		}
	}
	return Written{}, fmt.Errorf("write %s: %w", d.Record, err)
}

func (a *Agent) write(ctx context.Context, d Draft) (Written, error) {
	// The dossier's place in the log is read before its records: what comes between
	// the two is then among the heads, and never overwritten unseen.
	after, err := a.store.DossierSequence(ctx, d.Patient)
	if err != nil {
		return Written{}, err
	}
	parents, err := a.parents(ctx, d)
	if err != nil {
		return Written{}, err
	}
	e, keys, err := a.compose(d, parents, a.outbox.Next())
	if err != nil {
		return Written{}, err
	}
	if err := a.outbox.Enqueue(ctx, keys, e); err != nil {
		return Written{}, err
	}
	// From here on the change is safe on this device. A caller that goes away does
	// not stop it half-way.
	ctx = context.WithoutCancel(ctx)
	defer a.changed.fire()
	if err := a.store.PutKeys(ctx, keys...); err != nil {
		return Written{}, err
	}
	if a.live != nil {
		sequence, err := a.send(ctx, e, keys, after)
		switch {
		case err == nil:
			return a.stored(ctx, e, d.body(), sequence)
		case !undecided(err):
			return Written{}, a.refuse(ctx, e, err)
		}
		a.live.fail(err)
		a.live = nil
	}
	if _, err := a.store.Apply(ctx, projections.Batch{Entries: []projections.Entry{{Event: e, Body: d.body()}}}); err != nil {
		return Written{}, err
	}
	a.work.fire()
	return Written{ID: e.ID}, nil
}

// undecided reports whether an event stays in the outbox after an error of sending.
func undecided(err error) bool {
	var stale *events.StaleError
	var refused *events.RefusedError
	return !errors.As(err, &stale) && !errors.As(err, &refused)
}

// send stores an event on the server, with the keys it needs before it.
func (a *Agent) send(ctx context.Context, e *events.Event, keys []events.WrappedKey, after uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	for _, k := range keys {
		if err := a.pushKey(ctx, a.live.log, k); err != nil {
			return 0, err
		}
	}
	m, err := events.Encode(e)
	if err != nil {
		return 0, err
	}
	return a.live.log.AppendAfter(ctx, m, after)
}

func (a *Agent) stored(ctx context.Context, e *events.Event, body []byte, sequence uint64) (Written, error) {
	entry := projections.Entry{Sequence: sequence, Event: e, Body: body}
	if _, err := a.store.Apply(ctx, projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
		return Written{}, err
	}
	if err := a.outbox.Confirm(ctx, e.ID); err != nil {
		return Written{}, err
	}
	return Written{ID: e.ID, Sequence: sequence}, nil
}

// refuse takes back a change that the server did not store, and says what stands.
func (a *Agent) refuse(ctx context.Context, e *events.Event, cause error) error {
	if err := a.outbox.Withdraw(ctx, e); err != nil {
		return errors.Join(cause, err)
	}
	var stale *events.StaleError
	if !errors.As(cause, &stale) {
		return cause
	}
	wait, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	if err := a.replica.Reach(wait, stale.Sequence); err != nil {
		return errors.Join(&StaleError{Record: e.Record}, err)
	}
	state, err := a.store.Record(ctx, e.Record)
	if err != nil {
		return errors.Join(&StaleError{Record: e.Record}, err)
	}
	return staleError(state)
}

// parents decides which versions a change is built on.
func (a *Agent) parents(ctx context.Context, d Draft) ([]events.ID, error) {
	state, err := a.store.Record(ctx, d.Record)
	if errors.Is(err, projections.ErrNotFound) {
		if len(d.Parents) > 0 || d.Delete {
			return nil, ErrNotFound
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if state.Patient != d.Patient {
		return nil, &MovedError{Record: d.Record, From: state.Patient, To: d.Patient}
	}
	named := d.Parents
	if d.Create {
		if !state.Shown.Deleted() {
			return nil, ErrExists
		}
		named = nil // created again: what was deleted is the parent
	}
	if len(named) == 0 {
		if d.Delete && state.Shown.Deleted() {
			return nil, ErrGone
		}
		named = []events.ID{state.Shown.Event.ID}
	}
	return extend(state, named)
}

// extend checks that the parents are heads, and adds the heads that say the same as
// one of them: the next write names both.
func extend(state projections.State, named []events.ID) ([]events.ID, error) {
	parents := slices.Clone(named)
	for _, id := range named {
		i := slices.IndexFunc(state.Heads, func(v projections.Version) bool { return v.Event.ID == id })
		if i < 0 {
			return nil, staleError(state)
		}
		for _, other := range state.Heads {
			if sameContent(state.Heads[i], other) {
				parents = append(parents, other.Event.ID)
			}
		}
	}
	slices.SortFunc(parents, events.ID.Compare)
	return slices.Compact(parents), nil
}

func sameContent(a, b projections.Version) bool {
	if a.Event.Type != b.Event.Type || a.Doubt != "" || b.Doubt != "" {
		return false
	}
	return a.Deleted() || fhirjson.Equal(a.Body, b.Body)
}

func staleError(state projections.State) error {
	heads := make([]events.ID, len(state.Heads))
	for i, h := range state.Heads {
		heads[i] = h.Event.ID
	}
	return &StaleError{Record: state.Record, Heads: heads}
}

// compose makes the event of a draft: sealed, chained and signed. keys are those
// that had to be made for it.
func (a *Agent) compose(d Draft, parents []events.ID, chain events.Chain) (e *events.Event, keys []events.WrappedKey, err error) {
	id, err := a.clock.Next(parents...)
	if err != nil {
		return nil, nil, err
	}
	e = &events.Event{
		ID: id, Type: events.Written, Practice: a.config.Enrolment.Practice, Device: a.config.Enrolment.Device,
		Record: d.Record, Patient: d.Patient, Time: a.clock.Now(), Author: d.Author,
		Parents: parents, Chain: chain,
	}
	if d.Delete {
		e.Type = events.Deleted
	} else {
		e.ContentType = events.ContentFHIR
		if keys, err = a.sealInto(e, d.Body); err != nil {
			return nil, nil, err
		}
	}
	e.Sign(a.config.Enrolment.SigningKey())
	return e, keys, nil
}

func (a *Agent) sealInto(e *events.Event, body []byte) (keys []events.WrappedKey, err error) {
	if !a.ring.Has(e.Patient) {
		k, err := a.ring.Make(e.Patient)
		if err != nil {
			return nil, err
		}
		keys = []events.WrappedKey{k}
	}
	e.Sealed, err = a.ring.Seal(e.Patient, e.ID, e.Record, body)
	if err != nil && len(keys) > 0 {
		a.ring.Forget(e.Patient)
	}
	return keys, err
}

// Resolve settles a conflict as a person decided, in one event whose parents are all
// heads. Where the heads are not those that the person saw, it is a *StaleError.
func (a *Agent) Resolve(ctx context.Context, r Resolution) (Written, error) {
	if err := a.lockWriting(ctx); err != nil {
		return Written{}, err
	}
	defer a.unlockWriting()
	d, err := a.settle(ctx, r)
	if err == nil {
		var w Written
		if w, err = a.write(ctx, d); err == nil {
			return w, nil
		}
	}
	return Written{}, fmt.Errorf("resolve %s: %w", r.Record, err)
}

// settle turns a choice into a draft.
func (a *Agent) settle(ctx context.Context, r Resolution) (Draft, error) {
	state, err := a.store.Record(ctx, r.Record)
	if errors.Is(err, projections.ErrNotFound) {
		return Draft{}, ErrNotFound
	}
	if err != nil {
		return Draft{}, err
	}
	d := Draft{Record: r.Record, Patient: state.Patient, Author: r.Author, Parents: r.Heads, Body: r.Body}
	var heads []events.ID
	for _, h := range state.Heads {
		heads = append(heads, h.Event.ID)
		if h.Event.ID == r.Keep {
			d.Body, d.Delete = h.Body, h.Deleted()
		}
	}
	slices.SortFunc(heads, events.ID.Compare)
	seen := slices.Clone(r.Heads)
	slices.SortFunc(seen, events.ID.Compare)
	switch {
	case !slices.Equal(heads, slices.Compact(seen)):
		return Draft{}, staleError(state)
	case len(d.Body) == 0 && !d.Delete:
		return Draft{}, ErrNoChoice
	}
	return d, nil
}

package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Outcome is what became of one draft of WriteMany.
type Outcome struct {
	Written
	Unchanged bool  // the record says just this already: nothing was written
	Err       error // this draft was not written; the others do not depend on it
}

// WriteMany makes many changes at the price of one: they are in the outbox when it
// returns, and go to the server from there. A draft without parents goes on top of
// what stands. The error is for what keeps the rest from being written: where a record
// comes twice, what stands before its second change may be written already.
func (a *Agent) WriteMany(ctx context.Context, drafts []Draft) ([]Outcome, error) {
	var outcomes []Outcome
	a.needAll(ctx, drafts)
	drafts, settle := a.attachAll(ctx, drafts, a.needKey)
	defer func() { settle(outcomes) }()
	if err := a.beginWriting(ctx); err != nil {
		return nil, err
	}
	defer a.unlockWriting()
	if a.replica.Revoked(a.config.Enrolment.Device) {
		return nil, fmt.Errorf("write %d records: %w", len(drafts), ErrRevoked)
	}
	outcomes = make([]Outcome, len(drafts))
	for from := 0; from < len(drafts); {
		to := from + distinct(drafts[from:])
		if err := a.writeDistinct(ctx, drafts[from:to], outcomes[from:to]); err != nil {
			return nil, fmt.Errorf("write %d records: %w", to-from, err)
		}
		from = to
	}
	return outcomes, nil
}

// distinct counts the drafts before one whose record came already: that one builds
// on what the first makes of it.
func distinct(drafts []Draft) int {
	seen := make(map[events.Record]bool, len(drafts))
	for i, d := range drafts {
		if seen[d.Record] {
			return i
		}
		seen[d.Record] = true
	}
	return len(drafts)
}

func (a *Agent) writeDistinct(ctx context.Context, drafts []Draft, outcomes []Outcome) error {
	var list []*events.Event
	made := a.newKeys()
	var batch projections.Batch
	chain := a.outbox.Next()
	for i, d := range drafts {
		e, unchanged, err := a.composeOne(ctx, d, chain, made)
		outcomes[i] = Outcome{Unchanged: unchanged, Err: err}
		if e == nil {
			continue
		}
		outcomes[i].ID = e.ID
		chain = e.Follows()
		list = append(list, e)
		batch.Entries = append(batch.Entries, projections.Entry{Event: e, Body: d.body()})
	}
	if len(list) == 0 {
		return nil
	}
	if err := a.outbox.Enqueue(ctx, made.wrapped, list...); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	defer a.changed.fire()
	a.keepKeys(ctx, made)
	if _, err := a.store.Apply(ctx, batch); err != nil {
		a.showLater(err, batch.Entries...)
	}
	a.queued()
	return nil
}

func (a *Agent) composeOne(ctx context.Context, d Draft, chain events.Chain, made *newKeys) (e *events.Event, unchanged bool, err error) {
	if d.fault != nil {
		return nil, false, d.fault
	}
	if err := a.protect(ctx, d); err != nil {
		return nil, false, err
	}
	parents, _, err := a.parents(ctx, d)
	if err != nil {
		return nil, false, err
	}
	if len(parents) > 0 && !d.Delete {
		state, err := a.store.Record(ctx, d.Record)
		if err != nil && !errors.Is(err, projections.ErrNotFound) {
			return nil, false, err
		}
		if err == nil && !state.Shown.Deleted() && fhirjson.Equal(state.Shown.Body, d.Body) {
			return nil, true, nil
		}
	}
	e, err = a.compose(d, parents, chain, made)
	return e, false, err
}

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

// Outcome is what became of one draft of WriteMany.
type Outcome struct {
	Written
	Unchanged bool  // the record says just this already: nothing was written
	Kept      bool  // of a draft with Once: the record said just this before, and stays as it is now
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
		e, outcome := a.composeOne(ctx, d, chain, made)
		if outcomes[i] = outcome; e == nil {
			continue
		}
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

// composeOne makes the event of a draft; none where the outcome says why.
func (a *Agent) composeOne(ctx context.Context, d Draft, chain events.Chain, made *newKeys) (*events.Event, Outcome) {
	if d.fault != nil {
		return nil, Outcome{Err: d.fault}
	}
	if err := a.protect(ctx, d); err != nil {
		return nil, Outcome{Err: err}
	}
	parents, _, err := a.parents(ctx, d)
	if err != nil {
		return nil, Outcome{Err: err}
	}
	if len(parents) > 0 && !d.Delete {
		if said, err := a.Said(ctx, d); err != nil || said.Unchanged || said.Kept {
			said.Err = err
			return nil, said
		}
	}
	e, err := a.compose(d, parents, chain, made)
	if err != nil {
		return nil, Outcome{Err: err}
	}
	return e, Outcome{Written: Written{ID: e.ID}}
}

// Said tells whether the record of a draft says just this already, or, where it is to be written once, said it before: the same, or one of those that are
// as good. Within a Plan it is what stands when that is written.
func (a *Agent) Said(ctx context.Context, d Draft, asGood ...[]byte) (o Outcome, err error) {
	state, err := a.store.Record(ctx, d.Record)
	if errors.Is(err, projections.ErrNotFound) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	if o.Unchanged = !state.Shown.Deleted() && fhirjson.Equal(state.Shown.Body, d.Body); o.Unchanged || !d.Once {
		return o, nil
	}
	history, err := a.store.History(ctx, d.Record)
	for _, body := range append(asGood, d.Body) {
		o.Kept = o.Kept || slices.ContainsFunc(history, func(v projections.Version) bool { return fhirjson.Equal(v.Body, body) })
	}
	return o, err
}

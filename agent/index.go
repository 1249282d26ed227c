package agent

import (
	"context"
	"time"

	"github.com/carelog/carelog/projections"
)

// indexStep is how many records are indexed at a time: while they are written, nobody
// else writes.
const indexStep = 500

const warnIndex = "index-stopped"

// indexRest is how many times as long as it took to complete the index nothing is done
// for it: a record with a thousand heads, of which one more comes again and again, must
// not keep the writer busy.
const indexRest = 10

// completeIndex indexes what was left for later, when there is nothing to be read any
// more, until ctx ends. A search says meanwhile what it may have missed.
func (a *Agent) completeIndex(ctx context.Context) {
	for ctx.Err() == nil {
		changed := a.changed.wait()
		began := time.Now()
		if !a.reading.Load() && a.indexSome(ctx) {
			continue
		}
		rest := time.NewTimer(indexRest * time.Since(began))
		select {
		case <-rest.C:
		case <-ctx.Done():
		}
		rest.Stop()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// indexSome indexes a few records, and reports whether there are more.
func (a *Agent) indexSome(ctx context.Context) (more bool) {
	if !a.store.Behind() {
		return false
	}
	at, err := a.store.Indexed(ctx)
	if err == nil && !at.Complete() {
		if at, err = a.store.Index(ctx, indexStep); err == nil && at.Complete() {
			a.log.Info("index complete", "records", at.Total)
			a.changed.fire()
		}
	}
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		a.warn(warnIndex, "The index of the records could not be completed: %v. A search may miss something, and says so; it is tried again at the next change.", err)
		return false
	}
	a.clearWarning(warnIndex)
	return !at.Complete()
}

// indexed is how far the index is; nil where it is complete.
func (a *Agent) indexed(ctx context.Context) (*projections.Indexed, error) {
	if !a.store.Behind() {
		return nil, nil
	}
	at, err := a.store.Indexed(ctx)
	if err != nil || at.Complete() {
		return nil, err
	}
	return &at, nil
}

package agent

import (
	"context"
	"sync"
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

// A few records wait to be indexed until nothing has changed for indexQuiet, so that the
// next change of somebody who types on finds the disk and the processor free; but no
// longer than indexPatience.
const (
	indexQuiet    = 250 * time.Millisecond
	indexPatience = 5 * time.Second
)

// busy says whether a session does what a person waits for: it reads what is new, or
// sends what was queued. Nothing else takes the processor or the disk then.
type busy struct {
	mu    sync.Mutex
	is    bool
	pause context.CancelFunc // ends the step of the index that is under way
}

// setBusy is called by the session.
func (a *Agent) setBusy(is bool) {
	a.busy.mu.Lock()
	was := a.busy.is
	a.busy.is = is
	if is && a.busy.pause != nil {
		a.busy.pause()
	}
	a.busy.mu.Unlock()
	if was && !is {
		a.changed.fire()
	}
}

// step is the context of a step of the index, which ends with the first thing that is
// more urgent; false where there is such a thing now.
func (a *Agent) step(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	ctx, cancel := context.WithCancel(ctx)
	a.busy.mu.Lock()
	defer a.busy.mu.Unlock()
	a.busy.pause = cancel
	return ctx, cancel, !a.busy.is
}

// completeIndex indexes what was left for later, when nothing is read or sent any more,
// until ctx ends. A search says meanwhile what it may have missed.
func (a *Agent) completeIndex(ctx context.Context) {
	for ctx.Err() == nil {
		a.awaitQuiet(ctx)
		changed := a.changed.wait()
		began := time.Now()
		step, end, free := a.step(ctx)
		var more, failed bool
		if free {
			more, failed = a.indexSome(step)
		}
		end()
		if more {
			continue
		}
		rest(ctx, indexRest*time.Since(began))
		var again <-chan time.Time // never
		if failed {
			again = time.After(a.config.Interval) // there may be room on the disk by then
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// rest waits for a while, or until ctx ends.
func rest(ctx context.Context, long time.Duration) {
	if long <= 0 {
		return
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// awaitQuiet waits while few records wait and others may be on their way.
func (a *Agent) awaitQuiet(ctx context.Context) {
	patience := time.NewTimer(indexPatience)
	defer patience.Stop()
	for a.fewWait() {
		changed := a.changed.wait()
		quiet := time.NewTimer(indexQuiet)
		select {
		case <-changed:
			quiet.Stop()
			continue
		case <-quiet.C:
		case <-patience.C:
		case <-ctx.Done():
		}
		quiet.Stop()
		return
	}
}

// fewWait says that some records wait to be indexed, but so few that nobody notices.
func (a *Agent) fewWait() bool {
	n := a.store.Waiting()
	return 0 < n && n <= projections.Few
}

// indexSome indexes a few records, and reports whether there are more, or it failed.
func (a *Agent) indexSome(ctx context.Context) (more, failed bool) {
	if a.store.Waiting() == 0 {
		return false, false
	}
	many := !a.fewWait()
	at, err := a.store.Indexed(ctx)
	if err == nil && !at.Complete() {
		if at, err = a.store.Index(ctx, indexStep); err == nil && at.Complete() {
			if many {
				a.log.Info("index complete", "records", at.Total)
			}
			a.changed.fire()
		}
	}
	switch {
	case ctx.Err() != nil:
		return false, false
	case err != nil:
		a.warn(warnIndex, "The index of the records could not be completed: %v. A search may miss something, and says so; it is tried again by itself.", err)
		return false, true
	}
	a.clearWarning(warnIndex)
	return !at.Complete(), false
}

// indexed is how far the index is; nil where it is complete.
func (a *Agent) indexed(ctx context.Context) (*projections.Indexed, error) {
	if a.store.Waiting() == 0 {
		return nil, nil
	}
	at, err := a.store.Indexed(ctx)
	if err != nil || at.Complete() {
		return nil, err
	}
	return &at, nil
}

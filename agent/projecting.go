package agent

import (
	"context"
	"sync"
	"time"

	"github.com/carelog/carelog/projections"
)

// projecting is a change on its way into the projection. Its goroutine ends with the
// change: whoever takes the right to write next waits for it, and so does Close.
type projecting struct {
	store    *projections.Store
	ready    chan struct{} // closed when all but the commit is done
	decision chan error    // nil: it stands, and the projection keeps it
	wanted   chan struct{} // closed by hurry
	hurry    func()        // does not let it rest any more
	arrived  time.Time     // once ready: when it came
	ended    chan struct{}
	failed   error // once ended
}

// courtesy is for how long the commit of a change rests while its author is answered, unless
// somebody waits for it: both want the same processors.
const courtesy = time.Millisecond

// rest waits until the author has had the time to be answered, or somebody is in a hurry.
func (p *projecting) rest() {
	over := time.NewTimer(courtesy)
	defer over.Stop()
	select {
	case <-over.C:
	case <-p.wanted:
	}
}

// project lets the projection take in a change and keep it only if it stands: the caller
// says so by keep or undo. writing is held.
func (a *Agent) project(ctx context.Context, entries ...projections.Entry) *projecting {
	p := &projecting{store: a.store, ready: make(chan struct{}), decision: make(chan error, 1), wanted: make(chan struct{}), ended: make(chan struct{})}
	p.hurry = sync.OnceFunc(func() { close(p.wanted) })
	a.landed, a.land = p.ended, p.hurry
	go func() {
		defer close(p.ended)
		stands := false
		before := func() error {
			close(p.ready)
			undone := <-p.decision
			if stands = undone == nil; stands {
				p.rest()
			}
			return undone
		}
		_, p.failed = a.store.Apply(ctx, projections.Batch{Entries: entries, Before: before, Later: true, Arrives: &p.arrived})
		if stands && p.failed != nil {
			a.showLater(p.failed, entries...)
		}
	}()
	return p
}

// keep says that the change stands. It returns when the projection has it but for the
// commit, for which every question waits from then on; or what kept it from taking it in.
func (p *projecting) keep() error {
	select {
	case <-p.ready:
		p.store.Promise(p.ended, p.hurry)
		p.decision <- nil
		return nil
	case <-p.ended: // before it came to be asked
		return ofDisk(p.failed)
	}
}

// undo says that the change does not stand, and returns when nothing is left of it.
func (p *projecting) undo(cause error) {
	p.decision <- cause
	<-p.ended
}

// showSoon lets the projection take in changes that stand. Every question asked from now on
// waits until it has. writing is held.
func (a *Agent) showSoon(ctx context.Context, entries ...projections.Entry) {
	shown := make(chan struct{})
	a.landed, a.land = shown, func() {}
	a.store.Promise(shown, nil)
	go func() {
		defer a.changed.fire() // what it is found by is made when nobody has changed anything for a moment
		defer close(shown)
		if _, err := a.store.Apply(ctx, projections.Batch{Entries: entries, Later: true}); err != nil {
			a.showLater(err, entries...)
		}
	}()
}

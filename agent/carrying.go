package agent

import (
	"context"
	"errors"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// enqueueKeyed puts a change into the outbox with the keys that were made for it. It is
// done before anything else: the keys may be known elsewhere only then.
func (a *Agent) enqueueKeyed(ctx context.Context, e *events.Event, made *newKeys) error {
	if err := a.outbox.Enqueue(ctx, made.wrapped, e); err != nil {
		return err
	}
	a.keepKeys(ctx, made)
	return nil
}

// withdraw takes changes out of the outbox that are not to stand. Where that fails they are
// still there: nothing may overtake them.
func (a *Agent) withdraw(ctx context.Context, list ...*events.Event) error {
	err := a.outbox.Withdraw(ctx, list...)
	if err != nil {
		a.queued()
	}
	return err
}

// condition is what must hold of the log for a change to be stored, else it is made anew.
type condition struct {
	after uint64 // no other event of the record stands in its dossier behind this place
	end   uint64 // the whole log ends here; 0: it may go on
}

// carryOut brings a change into the outbox, where it is not there yet, and sends it or
// leaves it there. When the outbox has it, or the server where that can be reached, the
// author is told. The projection takes it in while the server is at work, or else after the
// author was told, and whoever asks for anything waits for that.
func (a *Agent) carryOut(ctx context.Context, e *events.Event, body []byte, where condition, enqueued bool) (Written, error) {
	if !enqueued {
		if err := a.outbox.Enqueue(ctx, nil, e); err != nil {
			return Written{}, err
		}
	}
	w, entry := Written{ID: e.ID}, projections.Entry{Event: e, Body: body}
	if a.live == nil {
		a.showSoon(ctx, entry)
		a.queued()
		return w, nil
	}
	p := a.project(ctx, entry)
	var refused error
	if w.Sequence, refused = a.deliver(ctx, e, where); refused != nil {
		p.undo(refused)
		return Written{}, a.refuse(ctx, e, refused)
	}
	if unseen := p.keep(); unseen != nil {
		a.showLater(unseen, entry) // the server may have it: it stays
	} else {
		w.Arrived = p.arrived
	}
	if w.Queued() {
		a.queued()
	}
	return w, nil
}

// queued makes what was put into the outbox known to the session, and to the user: the
// light is not green while something waits. writing is held.
func (a *Agent) queued() {
	a.live = nil // what comes next must not overtake the queue
	if a.light.State().Color == light.Online {
		a.setLight(light.Synchronising, reasonSending, &light.Activity{Kind: light.Push, Total: uint64(a.outbox.Len()), ETASeconds: -1})
	}
	a.work.fire()
}

// deliver sends a change that is in the outbox to the server, and returns its place in
// the log: 0 where it stays queued, since nobody knows whether it arrived. An error says
// that the server did not store it, and will not.
func (a *Agent) deliver(ctx context.Context, e *events.Event, where condition) (uint64, error) {
	sequence, err := a.send(ctx, e, where)
	switch {
	case decided(err):
		return 0, err
	case err != nil:
		a.live.fail(err)
		a.live = nil
		return 0, nil
	}
	// It has its place when it was read in the log: until then the server may lose it again.
	a.acked = sequence
	if err := a.outbox.Sent(ctx, sequence, e.Chain.Counter); err != nil {
		a.log.Warn("event is sent twice", "event", e.ID, "err", err) // and is found in the log
	}
	return sequence, nil
}

// decided reports whether an error of sending says that the server did not store what
// was sent, and will not.
func decided(err error) bool {
	var stale *events.StaleError
	var refused *events.RefusedError
	return errors.As(err, &stale) || errors.As(err, &refused) || errors.Is(err, events.ErrNotAtEnd)
}

// send stores an event on the server, with the keys it needs before it.
func (a *Agent) send(ctx context.Context, e *events.Event, where condition) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	if err := a.pushKeys(ctx, a.live.log); err != nil {
		return 0, err
	}
	m, err := events.Encode(e)
	if err != nil {
		return 0, err
	}
	if where.end > 0 {
		return a.live.log.AppendAtEnd(ctx, m, where.end)
	}
	return a.live.log.AppendAfter(ctx, m, where.after)
}

// readOwn waits until this desk has read its own last change in the log. The server
// would else take it for one that the author of the next has not seen.
func (a *Agent) readOwn(ctx context.Context) {
	if a.live != nil {
		_ = a.readUpTo(ctx, a.acked)
	}
}

// readUpTo waits until the log was read up to a place. Where it is not within the patience, or
// before the session is over, nobody reads the log here any more: what is made next is queued.
func (a *Agent) readUpTo(ctx context.Context, sequence uint64) error {
	wait, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	defer context.AfterFunc(a.live.over, cancel)()
	err := a.replica.Reach(wait, sequence)
	if err != nil && ctx.Err() == nil {
		a.live.fail(err)
		a.live = nil
	}
	return err
}

// refuse takes back a change that the server did not store, and says what stands.
func (a *Agent) refuse(ctx context.Context, e *events.Event, cause error) error {
	if err := a.withdraw(ctx, e); err != nil {
		return errors.Join(cause, err)
	}
	var stale *events.StaleError
	if !errors.As(cause, &stale) {
		return cause
	}
	if err := a.readUpTo(ctx, stale.Sequence); err != nil {
		return errors.Join(&StaleError{Record: e.Record}, err)
	}
	state, err := a.store.Record(ctx, e.Record)
	if err != nil {
		return errors.Join(&StaleError{Record: e.Record}, err)
	}
	return staleError(state)
}

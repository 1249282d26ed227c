package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// asideNote is the body of a set-aside stub.
type asideNote struct {
	Event  events.ID `json:"event"`
	Record string    `json:"record"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
}

// setAside puts stubs in the places of an event that the server refuses for good, or of
// all events of a transaction, so that they hold back nothing else.
func (a *Agent) setAside(ctx context.Context, entries []outbox.Entry, reason string) error {
	list := make([]outbox.Stubbed, len(entries))
	for i, entry := range entries {
		e, err := entry.Event()
		if err != nil {
			return err
		}
		stub, err := a.stub(e, reason)
		if err != nil {
			return err
		}
		list[i] = outbox.Stubbed{Event: e, Stub: stub}
		a.log.Warn("event set aside", "event", e.ID, "record", e.Record.String(), "reason", reason)
	}
	defer a.changed.fire()
	return a.outbox.SetAside(ctx, reason, list...)
}

// stub makes what stands in the chain for an event that was refused.
func (a *Agent) stub(e *events.Event, reason string) (*events.Event, error) {
	if e.Type == events.SetAside || e.Chain.Counter == 1 {
		return nil, fmt.Errorf("the server refuses this device itself (%s): ask for it to be enrolled again", reason)
	}
	id, err := a.clock.Next(e.ID)
	if err != nil {
		return nil, err
	}
	note, err := json.Marshal(asideNote{e.ID, e.Record.String(), e.Author, reason})
	if err != nil {
		return nil, err
	}
	stub := &events.Event{
		ID: id, Type: events.SetAside, Practice: e.Practice, Device: e.Device, Record: e.Record,
		Time: a.clock.Now(), Author: e.Author, Chain: e.Chain, Replaces: e.Link(), ContentType: "application/json",
	}
	if stub.Sealed, err = a.ring.Seal("", stub.ID, stub.Record, note); err != nil {
		return nil, err // the device's own record has made the practice's key
	}
	stub.Sign(a.key)
	return stub, nil
}

// renew gives an event that the server never had another place in the chain.
func (a *Agent) renew(e events.Event, c events.Chain) *events.Event {
	e.Chain = c
	e.Sign(a.key)
	return &e
}

// Retry queues an event again that was set aside, and with it its whole transaction.
func (a *Agent) Retry(ctx context.Context, id events.ID) error {
	if err := a.beginWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	held, err := a.outbox.Held(ctx, id)
	if err != nil {
		return unqueued(err)
	}
	old, err := a.asQueued(held)
	if err != nil {
		return err
	}
	defer a.changed.fire()
	// Once it is queued it may be sent, and read in the log: then its old form must not be here.
	a.unshown.add(errUnderWay, nil, old...)
	list, err := a.requeue(ctx, id, held)
	if err != nil {
		return errors.Join(unqueued(err), a.show(ctx))
	}
	defer a.queued()
	return a.replaceQueued(ctx, list...)
}

// requeue takes what was set aside out of the projection, and queues it again.
func (a *Agent) requeue(ctx context.Context, id events.ID, held []*events.Event) ([]*events.Event, error) {
	if err := a.takeIn(ctx, nil, held, nil); err != nil {
		return nil, ofDisk(err)
	}
	return a.outbox.Requeue(ctx, id, a.renew)
}

// Discard gives up an event that was set aside, and with it its whole transaction. Who did it and why is kept.
func (a *Agent) Discard(ctx context.Context, id events.ID, author, reason string) error {
	if err := a.beginWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	gone, err := a.outbox.Discard(ctx, id, author, reason, a.clock.Now())
	if err != nil {
		return unqueued(err)
	}
	defer a.changed.fire()
	list := make([]*events.Event, len(gone))
	for i, id := range gone {
		v, err := a.store.ByID(ctx, id)
		if err != nil {
			v.Event = &events.Event{ID: id}
		}
		list[i] = v.Event
	}
	return a.replace(ctx, list)
}

// unqueued says ErrNotFound of an event that is not in the outbox.
func unqueued(err error) error {
	if errors.Is(err, outbox.ErrNotQueued) {
		return notQueuedError{err}
	}
	return err
}

// notQueuedError is ErrNotFound, in the words of the outbox: it is an event that is not
// there, and no record.
type notQueuedError struct{ error }

// Is reports whether it is ErrNotFound.
func (notQueuedError) Is(target error) bool { return target == ErrNotFound }

// Unwrap is what the outbox said.
func (e notQueuedError) Unwrap() error { return e.error }

// replaceQueued shows queued events in their new form.
func (a *Agent) replaceQueued(ctx context.Context, list ...*events.Event) error {
	entries, err := a.asQueued(list)
	if err != nil {
		return err
	}
	return a.replace(ctx, list, entries...)
}

// replace takes out of the projection what the outbox has no more, or in a newer form, and shows
// that. Where that fails, it is done later: what the outbox says stands. The error is a damaged projection.
func (a *Agent) replace(ctx context.Context, gone []*events.Event, entries ...projections.Entry) error {
	a.unshown.add(errUnderWay, gone, entries...)
	var damaged *projections.CorruptError
	if err := a.show(ctx); errors.As(err, &damaged) {
		return err
	}
	return nil
}

var errUnderWay = errors.New("it is under way")

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// pushBatch is how many events are read from the outbox, and confirmed, at a time.
const pushBatch = 256

// push sends what is queued, in the order of the chain, keys first. The log must
// have been read to its end: what had arrived after all is then out of the outbox.
func (a *Agent) push(ctx context.Context, log Log) error {
	a.owesKeys.Store(true) // what an earlier session sent may be lost again
	if err := a.pushKeys(ctx, log); err != nil {
		return err
	}
	began, done := a.config.Now(), uint64(0)
	for {
		pending, err := a.outbox.Pending(ctx, pushBatch)
		if err != nil || len(pending) == 0 {
			return err
		}
		total := done + uint64(a.outbox.Len())
		a.setLight(light.Synchronising, reasonSending, &light.Activity{
			Kind: light.Push, Done: done, Total: total, ETASeconds: remaining(a.config.Now().Sub(began), done, total),
		})
		if err := a.pushKeys(ctx, log); err != nil {
			return err
		}
		n, err := a.pushSome(ctx, log, pending)
		if err != nil {
			return err
		}
		done += uint64(n)
	}
}

// pushSome sends events and counts those that were stored. They leave the outbox when
// the replica reads them in the log.
func (a *Agent) pushSome(ctx context.Context, log Log, pending []outbox.Entry) (n int, err error) {
	defer a.changed.fire()
	for _, entry := range pending {
		sequence, err := a.pushOne(ctx, log, entry.Event)
		var refused *events.RefusedError
		switch {
		case errors.As(err, &refused):
			return n, a.setAside(ctx, entry.Event, refused.Reason)
		case err != nil:
			return n, errors.Join(err, a.outbox.Failed(context.WithoutCancel(ctx), entry.Event.ID, err))
		}
		if err := a.outbox.Sent(context.WithoutCancel(ctx), entry.Event.ID, sequence); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (a *Agent) pushOne(ctx context.Context, log Log, e *events.Event) (sequence uint64, err error) {
	if orphan, err := a.buildsOnSetAside(ctx, e); err != nil || orphan != nil {
		return 0, errors.Join(err, orphan)
	}
	m, err := events.Encode(e)
	if err != nil {
		return 0, err
	}
	if sequence, err = log.Append(ctx, m); err != nil {
		return 0, fmt.Errorf("send event %s: %w", e.ID, err)
	}
	return sequence, nil
}

// buildsOnSetAside refuses an event whose parent was set aside here: the others
// would see a change of something that they have never seen.
func (a *Agent) buildsOnSetAside(ctx context.Context, e *events.Event) (refused, err error) {
	for _, p := range e.Parents {
		entry, err := a.outbox.Entry(ctx, p)
		if errors.Is(err, outbox.ErrNotQueued) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if entry.SetAside {
			return &events.RefusedError{Reason: fmt.Sprintf("it builds on event %s, which was refused", p)}, nil
		}
	}
	return nil, nil
}

// asideNote is the body of a set-aside stub.
type asideNote struct {
	Event  events.ID `json:"event"`
	Record string    `json:"record"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
}

// setAside puts a stub in the place of an event that the server refuses for good, so
// that it holds back nothing else.
func (a *Agent) setAside(ctx context.Context, e *events.Event, reason string) error {
	if e.Type == events.SetAside || e.Chain.Counter == 1 {
		return fmt.Errorf("the server refuses this device itself (%s): ask for it to be enrolled again", reason)
	}
	id, err := a.clock.Next(e.ID)
	if err != nil {
		return err
	}
	note, err := json.Marshal(asideNote{e.ID, e.Record.String(), e.Author, reason})
	if err != nil {
		return err
	}
	stub := &events.Event{
		ID: id, Type: events.SetAside, Practice: e.Practice, Device: e.Device, Record: e.Record,
		Time: a.clock.Now(), Author: e.Author, Chain: e.Chain, Replaces: e.Link(), ContentType: "application/json",
	}
	if stub.Sealed, err = a.ring.Seal("", stub.ID, stub.Record, note); err != nil {
		return err // the device's own record has made the practice's key
	}
	stub.Sign(a.key)
	a.log.Warn("event set aside", "event", e.ID, "record", e.Record.String(), "reason", reason)
	return a.outbox.SetAside(ctx, e, reason, stub)
}

// renew gives an event that the server never had another place in the chain.
func (a *Agent) renew(e events.Event, c events.Chain) *events.Event {
	e.Chain = c
	e.Sign(a.key)
	return &e
}

// Retry queues an event again that was set aside.
func (a *Agent) Retry(ctx context.Context, id events.ID) error {
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	e, err := a.outbox.Requeue(ctx, id, a.renew)
	if err != nil {
		return unqueued(err)
	}
	defer a.queued()
	defer a.changed.fire()
	return a.replaceQueued(ctx, e)
}

// Discard gives up an event that was set aside. Who did it and why is kept.
func (a *Agent) Discard(ctx context.Context, id events.ID, author, reason string) error {
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	if err := a.outbox.Discard(ctx, id, author, reason, a.clock.Now()); err != nil {
		return unqueued(err)
	}
	defer a.changed.fire()
	return a.store.Remove(ctx, id)
}

// unqueued says ErrNotFound of an event that is not in the outbox.
func unqueued(err error) error {
	if errors.Is(err, outbox.ErrNotQueued) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// replaceQueued shows queued events in their new form.
func (a *Agent) replaceQueued(ctx context.Context, list ...*events.Event) error {
	for _, e := range list {
		if err := a.store.Remove(ctx, e.ID); err != nil && !errors.Is(err, projections.ErrNotQueued) {
			return err
		}
	}
	return a.applyQueued(ctx, list...)
}

// align finds out whether this device's chain went on without its outbox: then the
// PC's disk came back from an older copy, and what is queued bears numbers that the
// log has given already. It gets new ones before anything is sent.
func (a *Agent) align(ctx context.Context) error {
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	a.outbox.Unsend() // all is read that was there: what was acknowledged and has not come was lost again
	inLog, err := a.store.ChainInLog(ctx, a.config.Enrolment.Device)
	if err != nil {
		return err
	}
	if err := a.confirmArrived(ctx, inLog); err != nil {
		return err
	}
	here := a.outbox.Next()
	pending, err := a.outbox.Pending(ctx, 1)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		here = pending[0].Event.Chain
	}
	if inLog == here || inLog.Counter < here.Counter {
		return nil
	}
	renewed, err := a.outbox.Rechain(ctx, inLog, a.renew)
	if err != nil {
		return err
	}
	a.warn("device-restored", "This PC's disk holds an older state than the server has seen of it: it was put back from a copy, or set up a second time. %d queued changes were numbered anew; nothing is lost. If two PCs use one enrolment, enrol one of them again.", len(renewed))
	return a.replaceQueued(ctx, renewed...)
}

// confirmArrived takes out of the outbox what the log has, which goes on with inLog.
// Nearly always that is done already; but what is read from the log is in the
// projection a moment before it is out of the outbox, and a kill can come between.
func (a *Agent) confirmArrived(ctx context.Context, inLog events.Chain) error {
	for {
		pending, err := a.outbox.Pending(ctx, pushBatch)
		if err != nil {
			return err
		}
		var old []events.ID
		for _, p := range pending {
			if p.Event.Chain.Counter < inLog.Counter {
				old = append(old, p.Event.ID)
			}
		}
		arrived, err := a.store.InLog(ctx, old...)
		if err != nil || len(arrived) == 0 {
			return err
		}
		if err := a.outbox.Confirm(ctx, arrived...); err != nil {
			return err
		}
	}
}

// applied is called by the replica after every commit.
func (a *Agent) applied(ctx context.Context, confirmed []*events.Event, _ []events.Record) error {
	defer a.changed.fire()
	var own []*events.Event
	for _, e := range confirmed {
		if e.Device != a.config.Enrolment.Device {
			continue
		}
		// What bears our event's id and is not our event does not stand for it.
		queued, err := a.outbox.Entry(ctx, e.ID)
		switch {
		case errors.Is(err, outbox.ErrNotQueued):
		case err != nil:
			return err
		case queued.Event.Fingerprint() == e.Fingerprint():
			own = append(own, e)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return a.outbox.Arrived(ctx, own...)
}

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
	case <-ctx.Done():
		return fmt.Errorf("wait for another change of this desk: %w", context.Cause(ctx))
	}
	a.land()
	select {
	case <-a.landed: // which waits for no server, and at most for what is being read
		return nil
	case <-ctx.Done():
		a.unlockWriting()
		return fmt.Errorf("wait until the change before is shown: %w", context.Cause(ctx))
	}
}

func (a *Agent) unlockWriting() { <-a.writing }

// Write makes a change. It returns when the change is on the server's disk or, where
// the server cannot be reached or does not answer in time, in the outbox. Errors:
// ErrExists, ErrNotFound, ErrGone, ErrProtected, ErrRevoked, *StaleError, *MovedError, events.ErrTooLarge,
// *events.RefusedError, and those of the disk; after each of them nothing is written.
func (a *Agent) Write(ctx context.Context, d Draft) (w Written, err error) {
	a.needAll(ctx, []Draft{d})
	settle, err := a.attach(ctx, &d, a.needKey)
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", d.Record, err)
	}
	defer func() { settle(err == nil) }()
	if err := a.beginWriting(ctx); err != nil {
		return Written{}, err
	}
	defer a.unlockWriting()
	d.base = new(base)
	if err = a.protect(ctx, d); err == nil {
		w, err = a.write(ctx, d)
	}
	var stale *StaleError
	if len(d.Parents) == 0 && a.live == nil && errors.As(err, &stale) {
		w, err = a.write(ctx, d) // nobody reads here any more what was faster: it is queued, and both will stand
	}
	if err != nil {
		return Written{}, fmt.Errorf("write %s: %w", d.Record, err)
	}
	return w, nil
}

// maxTries bounds how often changes are made anew because others were faster.
const maxTries = 20

// base is the version that stood here when a change that names none was asked for. What
// comes between that and the server's answer, nobody who asked can have seen: the change
// is never made to go on from it.
type base struct {
	asked *moment // nil: when it is first tried
	known bool
	shown events.ID // zero: none
}

// moment is how far this desk had come: in the log, and in all that came here.
type moment struct {
	read    uint64
	arrival int64
}

// onBase keeps what stands of a draft's record the first time, and wants the same from then on.
func (a *Agent) onBase(ctx context.Context, d Draft, tip projections.Tip) error {
	if b := d.base; !b.known {
		came, err := a.cameAfter(ctx, b.asked, tip)
		if err != nil {
			return err
		}
		if !came {
			b.known, b.shown = true, tip.Shown
		}
	}
	if tip.Heads > 0 && tip.Shown != d.base.shown {
		return &StaleError{Record: d.Record, Heads: []events.ID{tip.Shown}}
	}
	return nil
}

// cameAfter reports whether what stands of a record came here after something was asked for.
func (a *Agent) cameAfter(ctx context.Context, asked *moment, tip projections.Tip) (bool, error) {
	if asked == nil || tip.Heads == 0 || tip.End <= asked.read {
		return false, nil // as nearly always
	}
	v, err := a.store.ByID(ctx, tip.Shown)
	return v.Arrival > asked.arrival, err
}

func (a *Agent) write(ctx context.Context, d Draft) (Written, error) {
	if a.replica.Revoked(a.config.Enrolment.Device) {
		return Written{}, ErrRevoked
	}
	a.readOwn(ctx)
	parents, after, err := a.parents(ctx, d)
	if err != nil {
		return Written{}, err
	}
	made := a.newKeys()
	e, err := a.compose(d, parents, a.outbox.Next(), made)
	if err != nil {
		return Written{}, err
	}
	// From here on a caller that goes away does not stop the change half-way.
	ctx = context.WithoutCancel(ctx)
	defer a.changed.fire()
	keyed := len(made.wrapped) > 0
	if keyed {
		if err := a.enqueueKeyed(ctx, e, made); err != nil {
			return Written{}, err
		}
	}
	return a.carryOut(ctx, e, d.body(), condition{after, d.end}, keyed)
}

// parents decides which versions a change is built on, and tells where its dossier ended
// in the log when they stood: what has come since is found there, and never overwritten unseen.
func (a *Agent) parents(ctx context.Context, d Draft) (parents []events.ID, after uint64, err error) {
	tip, err := a.store.Tip(ctx, d.Record, d.Patient)
	if err != nil {
		return nil, 0, err
	}
	named, err := d.extends(tip)
	if err == nil && d.base != nil && len(d.Parents) == 0 {
		err = a.onBase(ctx, d, tip)
	}
	if err != nil || tip.Heads == 0 {
		return nil, tip.End, err
	}
	if tip.Heads == 1 {
		if slices.ContainsFunc(named, func(id events.ID) bool { return id != tip.Shown }) {
			return nil, 0, &StaleError{Record: d.Record, Heads: []events.ID{tip.Shown}}
		}
		return []events.ID{tip.Shown}, tip.End, nil
	}
	state, err := a.store.Record(ctx, d.Record)
	if err != nil {
		return nil, 0, err
	}
	parents, err = extend(state, named)
	return parents, tip.End, err
}

// extends returns the versions that a draft goes on from, where the record is here.
func (d Draft) extends(tip projections.Tip) ([]events.ID, error) {
	switch {
	case tip.Heads == 0 && (len(d.Parents) > 0 || d.Delete && !d.unseen):
		return nil, ErrNotFound
	case tip.Heads == 0:
		return nil, nil
	case tip.Patient != d.Patient:
		return nil, &MovedError{Record: d.Record, From: tip.Patient, To: d.Patient}
	case d.Create && !tip.Deleted:
		return nil, ErrExists
	case len(d.Parents) > 0 && !d.Create: // created again, it goes on from what was deleted
		return d.Parents, nil
	case d.Delete && tip.Deleted:
		return nil, ErrGone
	}
	return []events.ID{tip.Shown}, nil
}

// extend checks that the parents are heads, and adds the heads that say the same as
// one of them: the next write names both.
func extend(state projections.State, named []events.ID) ([]events.ID, error) {
	parents := slices.Clone(named)
	slices.SortFunc(parents, events.ID.Compare)
	parents = slices.Compact(parents)
	var heads, others []projections.Version
	for _, h := range state.Heads {
		if _, ok := slices.BinarySearchFunc(parents, h.Event.ID, events.ID.Compare); ok {
			heads = append(heads, h)
		} else {
			others = append(others, h)
		}
	}
	if len(heads) != len(parents) {
		return nil, staleError(state)
	}
	if len(others) == 0 {
		return parents, nil // nearly always, and a digest costs as much as all the rest
	}
	said := make(map[string]bool, len(heads))
	for _, h := range heads {
		said[content(h)] = true
	}
	for _, h := range others {
		if said[content(h)] {
			parents = append(parents, h.Event.ID)
		}
	}
	slices.SortFunc(parents, events.ID.Compare)
	return parents, nil
}

// content is equal for two heads that say the same: all deletions do, and what cannot
// be read says nothing that another says.
func content(v projections.Version) string {
	switch {
	case v.Doubt != "":
		return "unread " + v.Event.ID.String()
	case v.Deleted():
		return "deleted"
	}
	digest, err := fhirjson.Digest(v.Body)
	if err != nil {
		return "bytes " + string(v.Body)
	}
	return "resource " + string(digest[:])
}

func staleError(state projections.State) error {
	heads := make([]events.ID, len(state.Heads))
	for i, h := range state.Heads {
		heads[i] = h.Event.ID
	}
	return &StaleError{Record: state.Record, Heads: heads}
}

// compose makes the event of a draft: sealed, chained and signed. A key that has to be
// made for it goes to made. An event that could not be written is an error here.
func (a *Agent) compose(d Draft, parents []events.ID, chain events.Chain, made *newKeys) (*events.Event, error) {
	if slices.ContainsFunc(parents, func(id events.ID) bool { return a.unsent[id] }) {
		return nil, errUnsent
	}
	id, err := a.clock.Next(parents...)
	if err != nil {
		return nil, err
	}
	e := &events.Event{
		ID: id, Type: events.Written, Practice: a.config.Enrolment.Practice, Device: a.config.Enrolment.Device,
		Record: d.Record, Patient: d.Patient, Time: a.clock.Now(), Author: d.Author,
		Parents: parents, Chain: chain,
	}
	if d.Delete {
		e.Type = events.Deleted
	} else {
		if err := contentless(d); err != nil {
			return nil, err
		}
		e.ContentType = events.ContentFHIR
		if e.Sealed, err = a.seal(e, d.Body, made); err != nil {
			return nil, err
		}
	}
	e.Sign(a.key)
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, nil
}

// Resolve settles a conflict as a person decided, in one event whose parents are all
// heads. Where the heads are not those that the person saw, it is a *StaleError.
func (a *Agent) Resolve(ctx context.Context, r Resolution) (w Written, err error) {
	known, _ := a.Records().Record(ctx, r.Record) // all its heads, where they can be had
	merged := Draft{Record: r.Record, Patient: known.Patient, Body: r.Body, Delete: len(r.Body) == 0}
	settle, err := a.attach(ctx, &merged, a.needKey)
	if err != nil {
		return Written{}, fmt.Errorf("resolve %s: %w", r.Record, err)
	}
	defer func() { settle(err == nil) }()
	r.Body = merged.Body
	if err := a.beginWriting(ctx); err != nil {
		return Written{}, err
	}
	defer a.unlockWriting()
	d, err := a.settle(ctx, r)
	if err == nil {
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
	if len(d.Body) == 0 && !d.Delete && r.Keep != (events.ID{}) {
		switch earlier, err := a.store.Version(ctx, r.Record, r.Keep); {
		case err == nil:
			d.Body, d.Delete = earlier.Body, earlier.Deleted()
		case !errors.Is(err, projections.ErrNotFound):
			return Draft{}, err
		}
	}
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

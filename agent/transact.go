package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Plan says what a transaction writes: at most one change of a record, and at most
// events.MaxBatch of them. It is asked while this desk makes no other change, so what it
// reads stands until its drafts are written; and it is asked again where other desks were
// faster, so it must not keep anything from one time to the next. A draft that names no version is
// stale then where its record is another than the first time. Its error ends the
// transaction, and nothing is written; no drafts, and nothing has to be.
type Plan func(ctx context.Context) ([]Draft, error)

// DraftError says which draft of a transaction is to blame for its failing.
type DraftError struct {
	Index int // from 0
	Err   error
}

// Error names the draft.
func (e *DraftError) Error() string {
	return fmt.Sprintf("change %d of the transaction: %v", e.Index+1, e.Err)
}

// Unwrap is what is wrong with it: an error that Write may have.
func (e *DraftError) Unwrap() error { return e.Err }

// Errors of a transaction as a whole.
var (
	// ErrBusy says that other desks change the same dossiers all the time.
	ErrBusy = errors.New("other desks are changing the same dossiers: try again")
	// ErrTooMany says that a transaction is more than the server takes as one.
	ErrTooMany = fmt.Errorf("a transaction is at most %d changes and %d bytes: split it", events.MaxBatch, pushBytes)
)

// errOvertaken says that what a plan was made from may not stand any more.
var errOvertaken = errors.New("another desk was faster")

// Transact makes the changes of a plan: all of them, or none, here and on the server.
// It returns when they are on the server's disk or, where that cannot be reached or does
// not answer in time, in the outbox, from where they are sent as one. What the plan has
// read of the dossiers that it changes still holds when the server takes them.
//
// Errors: those of the plan; those of Write within *DraftError; ErrBusy, ErrTooMany,
// ErrRevoked, and those of the disk. After each of them nothing is written.
func (a *Agent) Transact(ctx context.Context, plan Plan) ([]Written, error) {
	if err := a.beginWriting(ctx); err != nil {
		return nil, err
	}
	defer a.unlockWriting()
	if a.replica.Revoked(a.config.Enrolment.Device) {
		return nil, ErrRevoked
	}
	stood := bases{of: make(map[events.Record]*base)}
	var last error
	for range maxTries {
		written, err := a.transact(ctx, plan, &stood)
		if !errors.Is(err, errOvertaken) {
			return written, err
		}
		last = err
	}
	var draft *DraftError
	if errors.As(last, &draft) { // what is wrong with it stays so, whatever others do
		return nil, draft
	}
	return nil, ErrBusy
}

// transaction is what is to be stored as one.
type transaction struct {
	events  []*events.Event
	after   []*uint64 // where the dossier of each ends, on the first of each dossier; nil: it is queued
	made    *newKeys
	stood   map[events.Record]*base
	entries []projections.Entry // as the projection takes it in
}

// bases are those of the records of a plan, as they stood when it was asked first.
type bases struct {
	of    map[events.Record]*base
	asked *moment // nil: it was not yet
}

// meet makes the bases of drafts that a plan gave.
func (b *bases) meet(drafts []Draft) {
	for _, d := range drafts {
		if b.of[d.Record] == nil {
			b.of[d.Record] = &base{asked: b.asked}
		}
	}
}

func (a *Agent) transact(ctx context.Context, plan Plan, stood *bases) (written []Written, err error) {
	a.readOwn(ctx)
	// What comes into the projection from here on is not covered by the plan.
	read, _, err := a.store.Position(ctx)
	if err != nil {
		return nil, err
	}
	if stood.asked == nil {
		end, err := a.store.End(ctx)
		if err != nil {
			return nil, err
		}
		stood.asked = &moment{read.Sequence, end.Arrival}
	}
	drafts, err := plan(ctx)
	if err == nil && (a.readsFirst() || a.readingAhead()) {
		a.needAll(ctx, drafts)
		drafts, err = plan(ctx)
	}
	if err != nil || len(drafts) == 0 {
		return nil, err
	}
	if len(drafts) > events.MaxBatch {
		return nil, ErrTooMany
	}
	drafts, settle := a.attachAll(ctx, drafts, a.needKeyWriting)
	defer func() { settle(make([]Outcome, len(written))) }()
	stood.meet(drafts)
	t := &transaction{made: a.newKeys(), stood: stood.of}
	if a.live != nil {
		if t.after, err = a.ends(ctx, drafts, read.Sequence); err != nil {
			return nil, err
		}
	}
	if err := a.composeAll(ctx, drafts, t); err != nil {
		return nil, a.overtaken(ctx, read, err)
	}
	return a.commit(context.WithoutCancel(ctx), t)
}

// ends returns where the dossiers of drafts end, on the first draft of each. One that
// ends behind what was read before the plan was made has changed since.
func (a *Agent) ends(ctx context.Context, drafts []Draft, read uint64) ([]*uint64, error) {
	after := make([]*uint64, len(drafts))
	met := make(map[string]bool)
	for i, d := range drafts {
		if met[d.Patient] {
			continue
		}
		met[d.Patient] = true
		end, err := a.store.DossierSequence(ctx, d.Patient)
		if err != nil {
			return nil, err
		}
		if end > read {
			return nil, errOvertaken
		}
		after[i] = &end
	}
	return after, nil
}

// overtaken takes an error for what it is, unless something came in meanwhile: then the
// plan is made anew.
func (a *Agent) overtaken(ctx context.Context, read events.Position, cause error) error {
	var stale *StaleError
	if !errors.As(cause, &stale) && !errors.Is(cause, ErrExists) && !errors.Is(cause, ErrGone) {
		return cause
	}
	now, _, err := a.store.Position(ctx)
	if err == nil && now != read {
		return errors.Join(errOvertaken, cause)
	}
	return cause
}

// composeAll makes the events of drafts, one after the other in the chain.
func (a *Agent) composeAll(ctx context.Context, drafts []Draft, t *transaction) error {
	seen := make(map[events.Record]bool, len(drafts))
	chain, size := a.outbox.Next(), 0
	for i, d := range drafts {
		if seen[d.Record] {
			return &DraftError{i, fmt.Errorf("%s is changed twice in one transaction", d.Record)}
		}
		seen[d.Record] = true
		d.base = t.stood[d.Record]
		e, n, err := a.composeIn(ctx, d, chain, t.made)
		if err != nil {
			return &DraftError{i, err}
		}
		if size += n; size > pushBytes {
			return ErrTooMany
		}
		chain = e.Follows()
		t.events = append(t.events, e)
		t.entries = append(t.entries, projections.Entry{Event: e, Body: d.body()})
	}
	return nil
}

// composeIn makes the event of one draft, and tells what it takes in a batch.
func (a *Agent) composeIn(ctx context.Context, d Draft, chain events.Chain, made *newKeys) (*events.Event, int, error) {
	if d.fault != nil {
		return nil, 0, d.fault
	}
	if err := a.protect(ctx, d); err != nil {
		return nil, 0, err
	}
	parents, _, err := a.parents(ctx, d)
	if err != nil {
		return nil, 0, err
	}
	e, err := a.compose(d, parents, chain, made)
	if err != nil {
		return nil, 0, err
	}
	m, err := events.Encode(e)
	return e, m.Size(), err
}

// commit brings a transaction into the outbox, to the server, and into the projection; see
// carryOut.
func (a *Agent) commit(ctx context.Context, t *transaction) ([]Written, error) {
	defer a.changed.fire()
	if err := a.outbox.EnqueueTogether(ctx, t.made.wrapped, t.events...); err != nil {
		return nil, err
	}
	a.keepKeys(ctx, t.made)
	if a.live == nil {
		a.showSoon(ctx, t.entries...)
		a.queued()
		return t.written(0), nil
	}
	p := a.project(ctx, t.entries...)
	first, err := a.deliverAll(ctx, t)
	switch {
	case decided(err):
		p.undo(err)
		return nil, a.refuseAll(ctx, t, err)
	case err != nil:
		a.live.fail(err)
		a.live = nil
	}
	if unseen := p.keep(); unseen != nil {
		a.showLater(unseen, t.entries...) // the server may have it: it stays
	}
	if first == 0 {
		a.queued()
	}
	return t.written(first), nil
}

// written lists the changes of a transaction whose first has a place in the log; 0: they
// are queued.
func (t *transaction) written(first uint64) []Written {
	list := make([]Written, len(t.events))
	for i, e := range t.events {
		list[i].ID = e.ID
		if first > 0 {
			list[i].Sequence = first + uint64(i)
		}
	}
	return list
}

// deliverAll stores a transaction on the server, with the keys it needs before it, and
// returns the place of its first event in the log; see deliver.
func (a *Agent) deliverAll(ctx context.Context, t *transaction) (first uint64, err error) {
	if first, err = a.sendAll(ctx, t); err != nil {
		return 0, err
	}
	a.acked = first + uint64(len(t.events)) - 1
	counters := make([]uint64, len(t.events))
	for i, e := range t.events {
		counters[i] = e.Chain.Counter
	}
	if err := a.outbox.Sent(ctx, first, counters...); err != nil {
		a.log.Warn("a transaction is sent twice", "event", t.events[0].ID, "err", err) // and is found in the log
	}
	return first, nil
}

// sendAll stores a transaction on the server, with the keys it needs before it.
func (a *Agent) sendAll(ctx context.Context, t *transaction) (first uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Patience)
	defer cancel()
	if err := a.pushKeys(ctx, a.live.log); err != nil {
		return 0, err
	}
	list := make([]events.Appending, len(t.events))
	for i, e := range t.events {
		list[i].After = t.after[i]
		if list[i].Message, err = events.Encode(e); err != nil {
			return 0, err
		}
	}
	return a.live.log.AppendBatch(ctx, list)
}

// refuseAll takes back a transaction that the server did not store. Where a dossier has
// changed, it is read up to there, and the plan is made anew.
func (a *Agent) refuseAll(ctx context.Context, t *transaction, cause error) error {
	if err := a.withdraw(ctx, t.events...); err != nil {
		return errors.Join(cause, err)
	}
	var stale *events.StaleError
	if !errors.As(cause, &stale) {
		var blamed *events.BatchError
		if errors.As(cause, &blamed) {
			return &DraftError{blamed.Index, cause}
		}
		return cause
	}
	if err := a.readUpTo(ctx, stale.Sequence); err != nil && a.live != nil {
		return errors.Join(ErrBusy, err) // nobody waits for it any more
	}
	return errOvertaken
}

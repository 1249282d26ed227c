package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// errAnother says that what was fetched ahead is not of the log that is being read.
var errAnother = errors.New("the server's log changed while a dossier was fetched")

// Ahead brings one dossier (empty: the practice's own records) to where the server's
// log has it now, without waiting for the read and without moving the position, and
// reports whether anything came. It may be called by several goroutines, between Begin
// and the end of the same meeting; nothing else may take the place of the store
// meanwhile. What it took in stays right when it fails half-way: a dossier is taken in
// from its beginning on.
//
// Each signature is looked at on its own, by the devices that the practice's own
// records name: these are brought up to date after the dossier was read, so that no
// revocation that stands before an event of it is missed. The verdict is never milder
// than that of the read, which comes to the same events later and has the last word.
func (r *Replica) Ahead(ctx context.Context, log Log, patient string) (came bool, err error) {
	after, err := r.config.Store.DossierSequence(ctx, patient)
	if err != nil {
		return false, err
	}
	var part []events.Stored
	for m, err := range log.Dossier(ctx, patient, after) {
		if err != nil {
			return came, fmt.Errorf("read the dossier ahead: %w", err)
		}
		if part = append(part, m); len(part) < batchSize {
			continue
		}
		if err := r.takeAhead(ctx, log, patient, part); err != nil {
			return came, err
		}
		came, part = true, nil
	}
	if len(part) == 0 {
		return came, nil
	}
	return true, r.takeAhead(ctx, log, patient, part)
}

// takeAhead judges and applies a part of a dossier.
func (r *Replica) takeAhead(ctx context.Context, log Log, patient string, part []events.Stored) error {
	if patient != "" {
		if _, err := r.Ahead(ctx, log, ""); err != nil {
			return err
		}
	}
	if _, loss, err := r.Agree(ctx, log); err != nil {
		return err
	} else if loss != "" {
		return fmt.Errorf("%w: %s", errAnother, loss)
	}
	batch := r.open(ctx, log, part)
	for _, p := range batch {
		if p.failed != nil {
			return p.failed
		}
	}
	judge := r.newTrust()
	judge.ahead = true
	if err := judge.load(ctx, r.config.Store); err != nil {
		return err
	}
	judge.judge(batch)

	list := make([]projections.Entry, len(batch))
	for i, p := range batch {
		list[i] = p.entry
		if err := r.unqueue(ctx, p); err != nil {
			return err
		}
	}
	if _, err := r.config.Store.Apply(ctx, projections.Batch{Entries: list}); err != nil {
		return fmt.Errorf("apply a dossier ahead: %w", err)
	}
	r.hearAhead(batch)
	r.alter()
	return nil
}

// hearAhead lets the read know at once what was read ahead of who may sign: it would else give what is in doubt
// a better verdict, since it has not come to the revocation.
func (r *Replica) hearAhead(batch []*prepared) {
	heard := false
	r.trusting.Lock()
	for _, p := range batch {
		if e := p.entry.Event; e != nil && r.trust.hear(e, p.digest, p.print, p.entry.Sequence) != nil {
			heard = true
		}
	}
	r.trusting.Unlock()
	if heard {
		r.weigh()
	}
}

// sameAhead looks whether the log still has what was read of a stream ahead of the position: ours, the
// farthest message of it, stands for all before it, as that at the position does.
func sameAhead(ctx context.Context, log Log, state events.LogState, stream string, ours events.Stored) (Loss, error) {
	switch {
	case ours.Sequence == 0:
		return "", nil
	case state.Identity != stream:
		return "it is another log under the same name", nil
	case state.Last < ours.Sequence:
		return Loss(fmt.Sprintf("it ends at %d, and was read here up to %d", state.Last, ours.Sequence)), nil
	}
	there, err := log.Get(ctx, ours.Sequence)
	if err != nil && !errors.Is(err, events.ErrNoMessage) {
		return "", err
	}
	if err != nil || there.Message.Fingerprint() != ours.Message.Fingerprint() || !ours.Time.IsZero() && !ours.Time.Equal(there.Time) {
		return Loss(fmt.Sprintf("it has not the event at %d that was read here", ours.Sequence)), nil
	}
	return "", nil
}

// unqueue takes out what this desk queued as its own word and the log does not let
// stand, so that it is judged here as on every other desk.
func (r *Replica) unqueue(ctx context.Context, p *prepared) error {
	if p.entry.Event == nil || p.entry.Doubt != projections.DoubtSignature && p.entry.Doubt != projections.DoubtRevoked {
		return nil
	}
	if err := r.config.Store.Remove(ctx, p.entry.Event.ID); err != nil && !errors.Is(err, projections.ErrNotQueued) {
		return fmt.Errorf("judge event %s: %w", p.entry.Event.ID, err)
	}
	return nil
}

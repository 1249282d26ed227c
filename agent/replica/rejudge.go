package replica

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// meet corrects a batch by what became known since it was judged, and before it is applied; what
// nobody vouched for then, and somebody does now, is judged again when it is in the store.
func (r *Replica) meet(batch []*prepared) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	for _, p := range batch {
		switch {
		case p.entry.Event == nil:
		case p.unknown:
			if device := p.entry.Event.Device; r.trust.known[device] != nil {
				r.trust.stir(device)
			}
		case p.entry.Doubt == projections.DoubtSignature:
		case r.trust.shutOut(p) != (p.entry.Doubt == projections.DoubtRevoked):
			_ = r.unseal(p) // what is wrong is a doubt
			r.trust.alone(p)
		}
	}
}

// rejudge judges again what was judged before more became known of its device: that it is
// certified, or from where on it is shut out. Where it is cut off, it begins again at the next reading.
func (r *Replica) rejudge(ctx context.Context) error {
	for judged := false; ; judged = true {
		device, shutAt, calm, ok := r.nextStirred()
		if !ok {
			if judged {
				r.config.Judged()
			}
			return nil
		}
		if err := r.rejudgeDevice(ctx, device, shutAt, calm); err != nil {
			r.trusting.Lock()
			r.trust.stir(device)
			r.trusting.Unlock()
			return fmt.Errorf("judge again what device %s has sent: %w", device, err)
		}
		r.trusting.Lock()
		r.busy = ""
		r.trusting.Unlock()
		r.alter()
	}
}

// nextStirred takes the next device whose events are to be judged again; calm says that nothing
// new was heard of it, but that it is looked at once after a start.
func (r *Replica) nextStirred() (device string, shutAt uint64, calm, ok bool) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	for _, device := range slices.Sorted(maps.Keys(r.trust.stirred)) {
		delete(r.trust.stirred, device)
		if r.trust.known[device] != nil { // else there is nothing to judge it by
			r.busy = device
			return device, r.trust.shut[device], r.trust.calm[device], true
		}
		r.left = nil // it may be shut out now
		r.altered++
	}
	r.busy = ""
	return "", 0, false, false
}

// rejudgeDevice judges again what a device has sent. Calmly, nothing of it falls out of what is shown: what was
// sound when it came, and was lost by the server and given back behind a revocation, stays so.
func (r *Replica) rejudgeDevice(ctx context.Context, device string, shutAt uint64, calm bool) error {
	for after := int64(0); ; {
		page, err := r.config.Store.Misjudged(ctx, device, shutAt, after)
		if err != nil || len(page) == 0 {
			return err
		}
		var other []*prepared
		for _, v := range page {
			p := r.again(v)
			r.trusting.Lock()
			r.trust.alone(p)
			r.trusting.Unlock()
			falls := p.entry.Doubt == projections.DoubtRevoked && v.Doubt != projections.DoubtSignature
			if p.entry.Doubt != v.Doubt && !(calm && falls) {
				other = append(other, p)
			}
		}
		if err := r.takeAgain(ctx, other); err != nil {
			return err
		}
		next := page[len(page)-1].Arrival
		if next <= after { // twins alone
			return nil
		}
		after = next
	}
}

// again prepares an event that is here already. The server was asked for its key when it came.
func (r *Replica) again(v projections.Version) *prepared {
	p := &prepared{entry: projections.Entry{Sequence: v.Sequence, Event: v.Event}, digest: v.Event.Digest()}
	p.print = events.FingerprintOf(p.digest, v.Event.Signature)
	_ = r.unseal(p) // what is wrong is a doubt
	return p
}

// takeAgain lets the projection have what is judged otherwise now, and tells of it as of what has
// just come.
func (r *Replica) takeAgain(ctx context.Context, other []*prepared) error {
	if len(other) == 0 {
		return nil
	}
	list := make([]projections.Entry, len(other))
	var confirmed []*events.Event
	for i, p := range other {
		list[i] = p.entry
		if p.entry.Sequence > 0 && p.entry.Doubt != projections.DoubtSignature {
			confirmed = append(confirmed, p.entry.Event)
		}
	}
	changed, err := r.config.Store.Rejudge(ctx, list)
	if err != nil {
		return err
	}
	return r.config.Applied(ctx, confirmed, changed)
}

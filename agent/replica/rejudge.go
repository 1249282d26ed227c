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
// nobody vouched for then, and somebody does now, is judged again when it is in the store. It reports whether
// something of it is of a revoked device, or tells of one.
func (r *Replica) meet(batch []*prepared) (ofRevoked bool, err error) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	for _, p := range batch {
		if p.entry.Event == nil {
			continue
		}
		ofRevoked = ofRevoked || r.trust.revoked(p.entry.Event.Device) || tells(p.entry.Event)
		switch {
		case p.unknown:
			if device := p.entry.Event.Device; r.trust.known[device] != nil {
				r.trust.stir(device)
			}
		case p.entry.Doubt == projections.DoubtSignature:
		case p.entry.Doubt == projections.DoubtUnopened && r.unseal(p) == nil: // its key came meanwhile
			r.trust.alone(p)
		case r.trust.shutOut(p) != (p.entry.Doubt == projections.DoubtRevoked):
			_ = r.unseal(p) // what is wrong is a doubt
			r.trust.alone(p)
		}
		if p.failed != nil {
			return false, p.failed
		}
	}
	return ofRevoked, nil
}

// rejudge judges again what was judged before more became known of its device: that it is
// certified, from where on it is shut out, or what its chain vouches for. Where it is cut off, it begins again at the next reading.
func (r *Replica) rejudge(ctx context.Context) error {
	for judged := false; ; judged = true {
		s, ok := r.nextStirred()
		if !ok {
			if judged {
				r.config.Judged()
			}
			return nil
		}
		if err := r.rejudgeDevice(ctx, s); err != nil {
			r.trusting.Lock()
			r.trust.stirAgain(s)
			r.trusting.Unlock()
			return fmt.Errorf("judge again what device %s has sent: %w", s.device, err)
		}
		r.trusting.Lock()
		r.busy = ""
		r.trusting.Unlock()
		r.alter()
	}
}

// stirred is a device whose events are to be judged again.
type stirred struct {
	device string
	shut   revocation
	calm   bool           // nothing new was heard of it, but that it is looked at once after a start
	wanted []events.Chain // only what these vouch for is judged again, since it came
}

// nextStirred takes the next device whose events are to be judged again.
func (r *Replica) nextStirred() (s stirred, ok bool) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	t := &r.trust
	var left []string
	makers := make(map[string]bool) // of revocations that are to be judged by first: with their own verdict it is known that this was done
	for _, device := range slices.Sorted(maps.Keys(t.stirred)) {
		if t.known[device] != nil { // else there is nothing to judge it by
			left = append(left, device)
			if by := t.shut[device].by; by != device {
				makers[by] = true
			}
			continue
		}
		delete(t.stirred, device)
		delete(t.wanted, device)
		r.left = nil // it may be shut out now
		r.altered++
	}
	if len(left) > 0 {
		device := left[max(0, slices.IndexFunc(left, func(device string) bool { return !makers[device] }))]
		delete(t.stirred, device)
		delete(t.wanted, device) // all of it is looked at
		r.busy = device
		return stirred{device: device, shut: t.shut[device], calm: t.calm[device]}, true
	}
	for device, wanted := range t.wanted {
		delete(t.wanted, device)
		r.busy = device
		return stirred{device, t.shut[device], true, wanted}, true
	}
	r.busy = ""
	return stirred{}, false
}

// rejudgeDevice judges again what a device has sent. First what its place in the log decides, since that may
// vouch for other things.
func (r *Replica) rejudgeDevice(ctx context.Context, s stirred) error {
	if s.wanted != nil {
		return r.vouch(ctx, s, s.wanted)
	}
	misjudged := func(after int64) ([]projections.Version, error) {
		return r.config.Store.Misjudged(ctx, s.device, s.shut.at, after)
	}
	if err := r.rejudgePages(ctx, misjudged, func(v projections.Version, p *prepared) bool {
		return p.entry.Doubt == projections.DoubtRevoked && v.Doubt != projections.DoubtSignature // not yet
	}); err != nil || s.shut.at == 0 {
		return err
	}
	seams, err := r.config.Store.Seams(ctx, s.device, s.shut.at, s.calm)
	if err != nil {
		return err
	}
	return r.vouch(ctx, s, slices.Concat(s.shut.ends, seams))
}

// rejudgePages judges events again each by itself, but for those that are to stay as they are.
func (r *Replica) rejudgePages(ctx context.Context, read func(after int64) ([]projections.Version, error), stays func(projections.Version, *prepared) bool) error {
	for after := int64(0); ; {
		page, err := read(after)
		if err != nil || len(page) == 0 {
			return err
		}
		var other []*prepared
		for _, v := range page {
			p := r.again(v)
			if p.failed != nil {
				return p.failed
			}
			r.trusting.Lock()
			r.trust.alone(p)
			r.trusting.Unlock()
			if p.entry.Doubt != v.Doubt && !stays(v, p) {
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

package replica

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// LeftOut is how many events stand in the log in the name of each device for which nothing here
// vouches: they may be a colleague's work, and are no version of any record until the device's
// certificate comes. Nil: none, as nearly always.
func (r *Replica) LeftOut(ctx context.Context) (byDevice map[string]int, err error) {
	strangers := r.met()
	if len(strangers) == 0 {
		return nil, nil
	}
	if byDevice, err = r.config.Store.Unsigned(ctx); err != nil {
		return nil, err
	}
	maps.DeleteFunc(byDevice, func(device string, _ int) bool { return !slices.Contains(strangers, device) })
	return byDevice, nil
}

// met are the strangers.
func (r *Replica) met() []string {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	return slices.Sorted(maps.Keys(r.strangers))
}

// meet notes the devices of a batch for which nobody vouched when it was judged.
func (r *Replica) meet(batch []*prepared) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	for _, p := range batch {
		if p.unknown {
			r.strangers[p.entry.Event.Device] = true
		}
	}
}

// rejudge judges again what was doubted only for want of a certificate that is here now. It
// counts once it is in the store: the batch that brings it may still be on its way there, with
// more before it that was judged without. Where it is cut off, it begins again at the next reading.
func (r *Replica) rejudge(ctx context.Context) error {
	strangers := r.met()
	if len(strangers) == 0 {
		return nil
	}
	judge := trust{practice: r.config.Practice, root: r.config.Root, ahead: true}
	if err := judge.load(ctx, r.config.Store); err != nil {
		return err
	}
	for _, device := range strangers {
		if judge.known[device] == nil {
			continue
		}
		if err := r.rejudgeDevice(ctx, device); err != nil {
			return fmt.Errorf("judge again what device %s sent before its certificate came: %w", device, err)
		}
		r.trusting.Lock()
		delete(r.strangers, device)
		r.trusting.Unlock()
	}
	return nil
}

func (r *Replica) rejudgeDevice(ctx context.Context, device string) error {
	judge := trust{practice: r.config.Practice, root: r.config.Root, ahead: true}
	for after := int64(0); ; {
		page, err := r.config.Store.UnsignedOf(ctx, device, after)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := judge.load(ctx, r.config.Store); err != nil { // who is shut out, by what was judged until here
			return err
		}
		batch := make([]*prepared, len(page))
		for i, v := range page {
			batch[i] = r.again(v)
		}
		judge.judge(batch)
		for _, p := range batch {
			if err := r.shutOut(ctx, p); err != nil {
				return err
			}
		}
		if err := r.takeAgain(ctx, batch); err != nil {
			return err
		}
		next := page[len(page)-1].Arrival
		if next == after {
			return nil
		}
		after = next
	}
}

// shutOut doubts what a device has sent after a revocation that was doubted itself until now. It
// comes before the revocation is taken in: where it is cut off, all of it comes again.
func (r *Replica) shutOut(ctx context.Context, p *prepared) error {
	device := p.entry.Event.Record.ID
	if p.entry.Event.Record.Type != "Device" || p.entry.Doubt != "" {
		return nil
	}
	r.trusting.Lock()
	r.trust.learn(p)
	s := r.trust.known[device]
	shut := s != nil && s.revoked != 0 && s.revoked == p.entry.Sequence
	r.trusting.Unlock()
	for shut {
		page, err := r.config.Store.SentAfter(ctx, device, p.entry.Sequence)
		if err != nil || len(page) == 0 {
			return err
		}
		list := make([]projections.Entry, len(page))
		for i, v := range page {
			late := &prepared{entry: projections.Entry{Event: v.Event}}
			late.doubt(projections.DoubtRevoked, sentRevoked, device)
			list[i] = late.entry
		}
		if _, err := r.config.Store.Rejudge(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// recheck doubts what was judged before a revocation became known that stands before it.
func (r *Replica) recheck(batch []*prepared) {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	for _, p := range batch {
		if p.entry.Event == nil || p.entry.Doubt == projections.DoubtSignature {
			continue
		}
		if s := r.trust.known[p.entry.Event.Device]; s != nil && s.revoked != 0 && p.entry.Sequence > s.revoked {
			p.doubt(projections.DoubtRevoked, sentRevoked, p.entry.Event.Device)
		}
	}
}

const sentRevoked = "device %q was revoked before it sent this"

// again prepares an event that is here already. Its key was asked for when it came.
func (r *Replica) again(v projections.Version) *prepared {
	p := &prepared{entry: projections.Entry{Sequence: v.Sequence, Event: v.Event}, digest: v.Event.Digest()}
	p.print = events.FingerprintOf(p.digest, v.Event.Signature)
	_ = r.unseal(p) // what is wrong is a doubt
	return p
}

// takeAgain lets the projection have what is judged better now, and tells of it as of what has
// just come.
func (r *Replica) takeAgain(ctx context.Context, batch []*prepared) error {
	var better []projections.Entry
	var confirmed []*events.Event
	for _, p := range batch {
		if p.entry.Doubt == projections.DoubtSignature {
			continue
		}
		better = append(better, p.entry)
		if p.entry.Sequence > 0 {
			confirmed = append(confirmed, p.entry.Event)
		}
	}
	if len(better) == 0 {
		return nil
	}
	changed, err := r.config.Store.Rejudge(ctx, better)
	if err != nil {
		return err
	}
	return r.config.Applied(ctx, confirmed, changed)
}

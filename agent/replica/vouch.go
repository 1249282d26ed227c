package replica

import (
	"context"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// want notes what vouches for events of a batch that stand behind the revocation of their device. It is asked
// for when they are in the store, once for each number of a chain, and is nothing for what a thief makes up: of a
// log that is full of that, no chain is gone down.
func (r *Replica) want(ctx context.Context, batch []*prepared) error {
	type number struct {
		device  string
		counter uint64
	}
	asked := make(map[number]map[events.Chain]bool)
	for _, p := range batch {
		e := p.entry.Event
		if e == nil || p.entry.Doubt != projections.DoubtRevoked || !e.Replaces.IsZero() {
			continue
		}
		r.trusting.Lock()
		shut, stirred := r.trust.shut[e.Device], r.trust.stirred[e.Device]
		r.trusting.Unlock()
		if stirred || !shut.bars(p.entry.Sequence) { // all that it sent is looked at
			continue
		}
		n := number{e.Device, e.Chain.Counter + 1}
		chains, known := asked[n]
		if !known {
			list, err := r.config.Store.Vouching(ctx, e.Device, shut.at, n.counter)
			if err != nil {
				r.trusting.Lock()
				r.trust.stirCalmly(e.Device)
				r.trusting.Unlock()
				return err
			}
			chains = make(map[events.Chain]bool, len(list)+len(shut.ends)) // whoever has the key can give a number to as many as he likes
			for _, c := range slices.Concat(list, shut.ends) {
				chains[c] = true
			}
			asked[n] = chains
		}
		if after := (events.Chain{Counter: n.counter, Previous: p.print}); chains[after] {
			r.trusting.Lock()
			r.trust.want(e.Device, after)
			r.trusting.Unlock()
		}
	}
	return nil
}

// want notes chains that vouch for something of a device that is in the store and in doubt.
func (t *trust) want(device string, chains ...events.Chain) {
	if t.wanted == nil {
		t.wanted = make(map[string][]events.Chain)
	}
	t.wanted[device] = append(t.wanted[device], chains...)
}

// descent goes down the chain of a revoked device.
type descent struct {
	*Replica
	stirred
	stays map[events.Digest]bool // by fingerprint; an event that an id was taken from has another arrival when it counts
}

// vouch goes down the chain of a revoked device from chains that vouch for what stands before them, and lets
// all count that it comes to: each vouches for the next. Calmly, it ends
// where it comes to what counts already; else what it does not come to, and that came after the revocation, falls out.
func (r *Replica) vouch(ctx context.Context, s stirred, from []events.Chain) error {
	d := descent{r, s, make(map[events.Digest]bool)}
	if err := d.down(ctx, from); err != nil {
		return err
	}
	if !s.calm {
		if err := d.fallOut(ctx); err != nil {
			return err
		}
	}
	r.trusting.Lock()
	defer r.trusting.Unlock()
	r.trust.vouchFor(s, d.stays)
	return nil
}

// fallOut judges again what counts behind the revocation. What had come here before the revocation did stays: it stood
// before that, and has another place since it was lost and given back.
func (d *descent) fallOut(ctx context.Context) error {
	came, err := d.config.Store.CameAt(ctx, d.shut.at)
	if err != nil {
		return err
	}
	behind := func(after int64) ([]projections.Version, error) {
		return d.config.Store.Behind(ctx, d.device, d.shut.at, after)
	}
	return d.rejudgePages(ctx, behind, func(v projections.Version, p *prepared) bool {
		if v.Arrival < came {
			d.stays[p.print] = true
		}
		return d.stays[p.print]
	})
}

// down goes down from chains, which vouch.
func (d *descent) down(ctx context.Context, from []events.Chain) error {
	vouching := make(map[events.Chain]bool) // true: it began with it
	for _, chain := range from {
		vouching[chain] = true
	}
	for way := projections.NewDescent(from, d.calm); ; {
		page, err := d.config.Store.Descend(ctx, d.device, d.shut.at, way)
		if err != nil || len(page) == 0 {
			return err
		}
		var other []*prepared
		for _, v := range page {
			first, vouched := vouching[v.Event.Follows()]
			if !vouched {
				continue
			}
			p, vouches, err := d.take(v, first)
			if err != nil {
				return err
			}
			if p != nil {
				other = append(other, p)
			}
			if vouches && !vouching[v.Event.Chain] {
				vouching[v.Event.Chain] = false
			}
		}
		if err := d.takeAgain(ctx, other); err != nil {
			return err
		}
	}
}

// take judges an event that is vouched for, and reports whether it vouches for the one before it. It returns nil for what
// counts already.
func (d *descent) take(v projections.Version, first bool) (p *prepared, vouches bool, err error) {
	if counts := v.Doubt != projections.DoubtRevoked && v.Doubt != projections.DoubtSignature; counts {
		if d.calm && !first {
			return nil, false, nil
		}
	} else {
		if p = d.again(v); p.failed != nil {
			return nil, false, p.failed
		}
		p.vouched = true
		d.trusting.Lock()
		d.trust.alone(p)
		d.trusting.Unlock()
		if p.entry.Doubt == projections.DoubtSignature {
			return nil, false, nil
		}
	}
	d.stays[v.Event.Fingerprint()] = true
	return p, true, nil
}

// vouchFor notes which Device records that a device made behind its revocation count all the same. Calmly, none of
// them falls out.
func (t *trust) vouchFor(s stirred, stays map[events.Digest]bool) {
	changed := false
	for print, w := range t.words {
		if w.event.Device != s.device || w.vouched == stays[print] || s.calm && w.vouched {
			continue
		}
		w.vouched, changed = stays[print], true
	}
	if changed {
		t.weigh()
	}
}

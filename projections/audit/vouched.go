package audit

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"github.com/carelog/carelog/events"
)

// chained is what is known of an event of a device before the log is read, where a record of the log shuts
// that device out: enough to see which of its events its chain vouches for.
type chained struct {
	sequence uint64
	counter  uint64
	link     uint64 // keyed hash; of a stub it is only claimed
	previous uint64 // keyed hash
	stub     bool
}

// chainsOf keeps the events of devices that are shut out, 40 bytes for each: what was lost and given back stands behind
// the revocation, before what vouches for it.
type chainsOf struct {
	seed   maphash.Seed
	events map[string][]chained
}

func (c *chainsOf) hash(d events.Digest) uint64 { return maphash.Bytes(c.seed, d[:]) }

// hold reads a log for the events of devices that are shut out somewhere in it.
func (t *trust) hold(log Log, list []introduction) error {
	t.chains = chainsOf{maphash.MakeSeed(), make(map[string][]chained)}
	for _, it := range list {
		if shut, _ := shutsOut(it.event, it.body); shut && t.devices[it.event.Record.ID] != nil {
			t.chains.events[it.event.Record.ID] = nil
		}
	}
	if len(t.chains.events) == 0 {
		return nil
	}
	batch := make([]events.Stored, 0, batchMessages)
	size := 0
	flush := func() {
		kept := make([]chained, len(batch))
		parallel(len(batch), func(i int) { kept[i] = t.chained(batch[i]) })
		for i, c := range kept {
			if c.counter > 0 {
				device := batch[i].Device()
				t.chains.events[device] = append(t.chains.events[device], c)
			}
		}
		batch, size = batch[:0], 0
	}
	for m, err := range log {
		if err != nil {
			return fmt.Errorf("read what revoked devices have sent: %w", err)
		}
		if _, shut := t.chains.events[m.Device()]; !shut {
			continue
		}
		batch = append(batch, m)
		if size += len(m.Data); len(batch) == cap(batch) || size >= batchBytes {
			flush()
		}
	}
	flush()
	return nil
}

// chained looks at one message. What its device did not sign has no number.
func (t *trust) chained(m events.Stored) (c chained) {
	e, err := events.Decode(m.Message)
	if err != nil || e.Practice != t.practice {
		return c
	}
	digest := e.Digest()
	if !ed25519.Verify(t.devices[e.Device].key, digest[:], e.Signature[:]) {
		return c
	}
	link := events.FingerprintOf(digest, e.Signature)
	if !e.Replaces.IsZero() {
		link = e.Replaces
	}
	return chained{m.Sequence, e.Chain.Counter, t.chains.hash(link), t.chains.hash(e.Chain.Previous), !e.Replaces.IsZero()}
}

// vouched are the links of the events of a device that count though they stand behind the place where it was shut out: the ends
// that the revocation names vouch for them, or what stands before it, and each vouches for the one before it.
func (c *chainsOf) vouched(device string, shutAt uint64, ends []events.Chain) map[uint64]bool {
	wanted := make(map[uint64]map[uint64]bool) // by number, of those that are being looked at
	want := func(counter, link uint64) {
		if wanted[counter] == nil {
			wanted[counter] = make(map[uint64]bool)
		}
		wanted[counter][link] = true
	}
	for _, end := range ends {
		want(end.Counter-1, c.hash(end.Previous))
	}
	vouched := make(map[uint64]bool)
	for group := range descending(c.events[device]) {
		counter := group[0].counter
		for _, e := range group {
			behind := e.sequence > shutAt
			if behind && (e.stub || !wanted[counter][e.link]) {
				continue
			}
			if want(counter-1, e.previous); behind {
				vouched[e.link] = true
			}
		}
		delete(wanted, counter)
	}
	return vouched
}

// late counts the events of a revoked device that count and stand before the place of a revocation, and in its chain behind
// the end that this names.
func (c *chainsOf) late(device string, place, end uint64, d *deviceTrust) int {
	late := make(map[uint64]bool) // by link, since one may stand there twice
	for _, e := range c.events[device] {
		if e.sequence < place && e.counter >= end && !e.stub && (e.sequence <= d.at || d.vouched[e.link]) {
			late[e.link] = true
		}
	}
	return len(late)
}

// descending gives events by their numbers, the highest first, those with one number together.
func descending(list []chained) iter.Seq[[]chained] {
	slices.SortFunc(list, func(a, b chained) int { return cmp.Compare(b.counter, a.counter) })
	return func(yield func([]chained) bool) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && list[n].counter == list[0].counter {
				n++
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

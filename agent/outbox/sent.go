package outbox

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// What the server has acknowledged is not yet safe: its disk may come back from an
// older copy before anybody has read the event. So an event stays in the file until
// it was read in the log, and is only not pending meanwhile. What is noted here is
// forgotten with the process; the log then tells.

// Sent notes that the server acknowledged events, given by their places in the chain,
// in order: the first at a place in the log, the others after it without a gap. They
// are not pending any more, and nor is what comes before them. Those that were
// confirmed already are passed over.
func (o *Outbox) Sent(ctx context.Context, sequence uint64, counters ...uint64) error {
	if len(counters) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	last := counters[len(counters)-1]
	var waits map[uint64]events.Digest
	if counters[0] <= o.gone { // else nothing of it was confirmed, and the file need not be asked
		var err error
		if waits, err = o.waiting(ctx, counters[0], last); err != nil {
			return fmt.Errorf("note that %d events were sent: %w", len(counters), err)
		}
	}
	for i, counter := range counters {
		if _, ok := waits[counter]; ok || counter > o.gone {
			o.sent[counter] = sequence + uint64(i)
		}
	}
	o.sentTo = max(o.sentTo, last)
	return nil
}

// Overdue counts the events that the server acknowledged at a place up to sequence and
// that were not confirmed: who has read the log up to there knows that it lost them.
func (o *Outbox) Overdue(sequence uint64) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range o.sent {
		if at <= sequence {
			n++
		}
	}
	return n
}

// Unsend makes everything pending again that was sent and not confirmed.
func (o *Outbox) Unsend() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.sent)
	o.sentTo = 0
}

// Arrived removes events of this device that were read in the log, and the keys that
// were made here for them and that the server did not refuse. What bears the number or the
// id of an event here, and is not that event, is passed over. It does not wait for the disk:
// after a power cut an event may be back, and is then found in the log again.
func (o *Outbox) Arrived(ctx context.Context, list ...*events.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(list) == 0 || o.count == 0 && len(o.aside) == 0 {
		return nil
	}
	from, to := list[0].Chain.Counter, list[0].Chain.Counter
	for _, e := range list {
		from, to = min(from, e.Chain.Counter), max(to, e.Chain.Counter)
	}
	waits, err := o.waiting(ctx, from, to)
	if err != nil {
		return fmt.Errorf("confirm %d events: %w", len(list), err)
	}
	var counters []uint64
	var aside []events.ID
	keys := make(map[string]bool)
	for _, e := range list {
		queued, ok := waits[e.Chain.Counter]
		other, refused := o.aside[e.ID]
		if !ok && !refused {
			continue
		}
		print := e.Fingerprint()
		if ok && queued == print {
			counters = append(counters, e.Chain.Counter)
		} else if refused && other == print {
			aside = append(aside, e.ID)
		} else {
			continue
		}
		if key, err := events.SealedBy(e.Sealed); err == nil {
			keys[events.WrappedKey{Patient: e.Patient, ID: key}.Name()] = true
		}
	}
	return o.confirm(ctx, counters, aside, keys)
}

// Confirm removes events that the log has, by their places in the chain; those not in
// the queue are passed over. It does not wait for the disk, as Arrived.
func (o *Outbox) Confirm(ctx context.Context, counters ...uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.confirm(ctx, counters, nil, nil)
}

func (o *Outbox) confirm(ctx context.Context, counters []uint64, aside []events.ID, keys map[string]bool) error {
	if len(counters) == 0 && len(aside) == 0 {
		return nil
	}
	for _, counter := range counters {
		o.gone = max(o.gone, counter)
	}
	removed := 0
	err := o.change(ctx, o.relaxed, fmt.Sprintf("confirm %d events", len(counters)+len(aside)), o.load, func(tx change) error {
		for _, run := range runs(counters) {
			n, err := tx.remove(run[0], run[1])
			if err != nil {
				return err
			}
			removed += n
			if run[1]+1 == o.next.Counter {
				if err := tx.setChain(o.next); err != nil {
					return err
				}
			}
		}
		for _, id := range aside {
			if _, err := tx.Exec("DELETE FROM aside WHERE id = ?", id[:]); err != nil {
				return err
			}
		}
		for name := range keys {
			if _, err := tx.Exec("DELETE FROM keys WHERE name = ? AND refused = ''", name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.count -= removed
	for _, counter := range counters {
		delete(o.sent, counter)
	}
	for _, id := range aside {
		delete(o.aside, id)
	}
	return nil
}

// runs are the first and last of each row of numbers that follow one another.
func runs(counters []uint64) (list [][2]uint64) {
	for _, c := range counters {
		if n := len(list); n > 0 && list[n-1][1]+1 == c {
			list[n-1][1] = c
			continue
		}
		list = append(list, [2]uint64{c, c})
	}
	return list
}

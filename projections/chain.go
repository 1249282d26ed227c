package projections

import (
	"bytes"
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// device is the row of a device while a batch changes it.
type device struct {
	key     int64
	id      string
	counter uint64        // of the end of its chain; 0: it has none
	link    events.Digest // of the event there
	holes   int64         // numbers before the end that no event here has
	end     *events.Event // the same, until its digest is needed
	dirty   bool
}

var (
	selectDevice  = &statement{"SELECT key, counter, link, holes FROM device WHERE id = ?"}
	insertDevice  = &statement{"INSERT INTO device (key, id, counter, link) VALUES (?, ?, 0, x'')"}
	updateDevice  = &statement{"UPDATE device SET counter = ?, link = ?, holes = ? WHERE key = ?"}
	selectLinks   = &statement{"SELECT " + eventColumns + eventTables + "WHERE e.device = ? AND e.counter = ? AND e.doubt <> 'signature'"}
	selectEnd     = &statement{"SELECT ifnull(max(counter), 0) FROM event WHERE device = ? AND doubt <> 'signature'"}
	selectTwo     = &statement{selectLinks.text + " LIMIT 2"}
	insertFork    = &statement{"INSERT OR IGNORE INTO fork (device, counter) VALUES (?, ?)"}
	deleteFork    = &statement{"DELETE FROM fork WHERE device = ? AND counter = ?"}
	selectChainAt = "SELECT counter, link FROM device WHERE id = ?"
)

// device finds a device, or makes it.
func (b *batch) device(id string) (*device, error) {
	if d := b.devices[id]; d != nil {
		return d, nil
	}
	d := &device{id: id}
	var counter int64
	var link []byte
	found, err := b.one(selectDevice, []any{id}, &d.key, &counter, &link, &d.holes)
	if err != nil {
		return nil, err
	}
	d.counter = uint64(counter)
	copy(d.link[:], link)
	if !found {
		b.lastDevice++
		d.key = b.lastDevice
		if _, err := b.exec(insertDevice, d.key, id); err != nil {
			return nil, err
		}
	}
	b.devices[id] = d
	return d, nil
}

// extend takes an event into its device's chain. What the device did not sign is not
// of its chain. In the usual order of things that is a comparison; an event at or
// before the end fills a gap or makes a fork.
func (b *batch) extend(e *events.Event, doubt Doubt) error {
	if doubt == DoubtSignature {
		return nil
	}
	d, err := b.device(e.Device)
	if err != nil {
		return err
	}
	if e.Chain.Counter > d.counter {
		d.holes += int64(e.Chain.Counter - d.counter - 1)
		d.counter, d.end, d.dirty = e.Chain.Counter, e, true
		return nil
	}
	return b.join(d, e)
}

// join takes in an event that is stored by now, and whose number is not a new end. Two of those that have the number tell what there
// is to know, since they have one link unless they are a fork already: whoever has the device's key can give one number to as many as he likes.
func (b *batch) join(d *device, e *events.Event) error {
	links, err := b.links(selectTwo, d, e.Chain.Counter)
	if err != nil {
		return err
	}
	if len(links) == 1 {
		d.holes--
		d.dirty = true
	}
	link := e.Link()
	if _, fork := least(append(links, link)); fork {
		if _, err := b.exec(insertFork, d.key, int64(e.Chain.Counter)); err != nil {
			return err
		}
	}
	if e.Chain.Counter == d.counter {
		if d.end != nil {
			d.link = d.end.Link()
		}
		d.link, _ = least([]events.Digest{d.link, link})
		d.end, d.dirty = nil, true
	}
	return nil
}

// relink looks at all events of a device under one counter anew, and returns how many there
// are. Two with different links are a fork; the end of the chain is then the smaller link, on every device.
func (b *batch) relink(d *device, counter uint64) (n int, err error) {
	links, err := b.links(selectLinks, d, counter)
	if err != nil {
		return 0, err
	}
	least, fork := least(links)
	if counter == d.counter {
		d.link, d.end, d.dirty = least, nil, true
	}
	st := deleteFork
	if fork {
		st = insertFork
	}
	_, err = b.exec(st, d.key, int64(counter))
	return len(links), err
}

// links are those of the events of a device that have one number, as a statement has them.
func (b *batch) links(of *statement, d *device, counter uint64) (links []events.Digest, err error) {
	err = b.each(of, []any{d.key, int64(counter)}, func(scan func(...any) error) error {
		var r row
		if err := r.scan(b.store.options.Practice, scan); err != nil {
			return err
		}
		if known := b.met(r.record); known != nil {
			r.event.Record = known.name
		}
		links = append(links, r.event.Link())
		return nil
	})
	return links, err
}

// least returns the smallest link, and whether there are others.
func least(links []events.Digest) (least events.Digest, fork bool) {
	for i, link := range links {
		if i == 0 {
			least = link
			continue
		}
		if c := bytes.Compare(link[:], least[:]); c != 0 {
			fork = true
			if c < 0 {
				least = link
			}
		}
	}
	return least, fork
}

// shrink makes the chain of a device anew after an event of it was taken out. Where several
// were that have one number, it is called once for them.
func (b *batch) shrink(gone *row) error {
	if gone.doubt == DoubtSignature {
		return nil // it was never of the chain
	}
	d, err := b.device(gone.event.Device)
	if err != nil {
		return err
	}
	counter := gone.event.Chain.Counter
	n, err := b.relink(d, counter)
	if n > 0 || err != nil {
		return err
	}
	d.dirty = true
	if counter != d.counter {
		d.holes++
		return nil
	}
	var end int64
	if _, err := b.one(selectEnd, []any{d.key}, &end); err != nil {
		return err
	}
	d.holes -= int64(counter) - end - 1
	d.counter = uint64(end)
	_, err = b.relink(d, d.counter)
	return err
}

func (b *batch) saveDevice(d *device) error {
	if !d.dirty {
		return nil
	}
	if d.end != nil {
		d.link = d.end.Link()
	}
	_, err := b.exec(updateDevice, int64(d.counter), bytesOf(d.link), d.holes, d.key)
	return err
}

// ChainEnd is the chain that the next event of a device carries, after all that is
// here of it, queued ones included. With a fork at the end it goes on from one of the
// two, the same on every device.
func (s *Store) ChainEnd(ctx context.Context, device string) (events.Chain, error) {
	next := events.Chain{Counter: 1}
	err := s.view(ctx, fmt.Sprintf("find the end of the chain of device %s", device), func(v *view) error {
		var counter int64
		var link []byte
		if _, err := v.one(selectChainAt, []any{device}, &counter, &link); err != nil {
			return err
		}
		next.Counter = uint64(counter) + 1
		copy(next.Previous[:], link)
		return nil
	})
	return next, err
}

package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
)

// Descent is how far down the chain of a device one has come: what is named and was
// not looked for yet. It is used by one goroutine at a time.
type Descent struct {
	numbers []uint64                          // ascending; the last one is looked for
	named   map[uint64]map[events.Digest]bool // the links of each number; true for those that the descent began with
	calm    bool                              // it ends where it comes to what counts already
	after   int64                             // how far the events of the last number were gone through, by arrival
}

// NewDescent is one that begins with the events that chains name as their previous one. A calm one ends where it comes
// to what counts already.
func NewDescent(from []events.Chain, calm bool) *Descent {
	d := &Descent{named: make(map[uint64]map[events.Digest]bool), calm: calm}
	for _, c := range from {
		d.name(c, true)
	}
	for number := range d.named {
		d.numbers = append(d.numbers, number)
	}
	slices.Sort(d.numbers)
	return d
}

func (d *Descent) name(c events.Chain, first bool) {
	if c.Counter < 2 {
		return
	}
	links := d.named[c.Counter-1]
	if links == nil {
		links = make(map[events.Digest]bool)
		d.named[c.Counter-1] = links
	}
	links[c.Previous] = links[c.Previous] || first
}

// goDown leaves a number, of which nothing more is looked for, for the next lower one.
func (d *Descent) goDown(number uint64) {
	delete(d.named, number)
	d.numbers, d.after = d.numbers[:len(d.numbers)-1], 0
	if below := number - 1; d.named[below] != nil && (len(d.numbers) == 0 || d.numbers[len(d.numbers)-1] != below) {
		d.numbers = append(d.numbers, below)
	}
}

// Descend goes down the chain of a device, where each event names the one before it, and returns a page of those that are named and stand behind the
// place where the device was shut out, the highest number first; no SetAside is named by a hash of it, so none is among them. All that it comes to names the next; in calm, what counts does so only where
// the descent began with it. It is over where the page is empty. Bodies are not opened. Its cost is that of the events that have a number which it comes to: each is
// looked at once, however many are named.
func (s *Store) Descend(ctx context.Context, device string, shutAt uint64, d *Descent) (page []Version, err error) {
	err = s.view(ctx, fmt.Sprintf("go down the chain of device %s", device), func(v *view) error {
		twins, err := v.twinsBehind(device, shutAt)
		if err != nil {
			return err
		}
		byNumber := make(map[uint64][]Version)
		for _, twin := range twins {
			number := twin.Event.Chain.Counter
			byNumber[number] = append(byNumber[number], twin)
		}
		for size := 0; len(d.numbers) > 0 && !fullPage(len(page), size); {
			number := d.numbers[len(d.numbers)-1]
			links := d.named[number]
			look := func(got Version) error {
				link := got.Event.Link()
				first, named := links[link]
				if !named {
					return nil
				}
				delete(links, link)
				if first || !d.calm || !got.counts() {
					d.name(got.Event.Chain, false)
				}
				page, size, d.after = append(page, got), size+len(got.Event.Sealed), got.Arrival
				if len(links) == 0 || fullPage(len(page), size) {
					return errEnough
				}
				return nil
			}
			err := v.each(withNumber, []any{device, int64(shutAt), int64(number), d.after}, func(scan func(...any) error) error {
				var r row
				if err := r.scan(v.practice, scan); err != nil {
					return err
				}
				return look(r.toJudge())
			})
			for _, twin := range byNumber[number] {
				if err == nil {
					err = look(twin)
				}
			}
			if err != nil && !errors.Is(err, errEnough) {
				return err
			}
			if err == nil || len(links) == 0 {
				d.goDown(number)
			}
		}
		return nil
	})
	return page, err
}

// fullPage reports whether so many events with bodies of that size make a page.
func fullPage(events, bytes int) bool { return events >= misjudgedMost || bytes > misjudgedBytes }

// counts says of a version what the condition of that name says of a row.
func (v *Version) counts() bool { return v.Doubt != DoubtSignature && v.Doubt != DoubtRevoked }

const withNumber = "SELECT " + eventColumns + eventTables +
	"WHERE e.device = (SELECT key FROM device WHERE id = ?1) AND e.counter = ?3 AND e.arrival > ?4 AND e.replaces = x'' AND NOT e.sequence BETWEEN 1 AND ?2 ORDER BY e.arrival"

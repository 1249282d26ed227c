package projections

import (
	"context"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
)

// Missing is how many numbers of each device's chain no event here has, before the last one that
// is here and below the one that a device is looked at to: the server has lost them, or what was read stands before them. An event whose
// id another one has is here as well. Devices that lack none are left out. Its cost is that of the devices, and of what of them
// is not looked at.
func (s *Store) Missing(ctx context.Context, below func(device string) uint64) (byDevice map[string]int, err error) {
	byDevice = make(map[string]int)
	err = s.view(ctx, "find what is missing in the chains", func(v *view) error {
		var list []*device
		if err := v.each("SELECT id, counter, holes FROM device WHERE holes > 0", nil, func(scan func(...any) error) error {
			var d device
			var counter int64
			err := scan(&d.id, &counter, &d.holes)
			d.counter = uint64(counter)
			list = append(list, &d)
			return err
		}); err != nil {
			return err
		}
		for _, d := range list {
			n, err := v.holesBelow(d, below(d.id))
			if err != nil {
				return err
			}
			if n > 0 {
				byDevice[d.id] = n
			}
		}
		if len(byDevice) == 0 {
			return nil
		}
		return v.filledByTwins(byDevice, below)
	})
	return byDevice, err
}

const countFrom = `SELECT count(DISTINCT w.counter) FROM event w INDEXED BY event_chain WHERE ` + ofChain + ` AND w.counter >= ?2
	AND w.arrival NOT IN (SELECT arrival FROM event WHERE doubt = 'signature' AND doubt <> '')`

// holesBelow takes off those from a number on, by what is here from there on: before it is the whole chain.
func (v *view) holesBelow(d *device, number uint64) (int, error) {
	if number > d.counter {
		return int(d.holes), nil
	}
	if number == 0 {
		return 0, nil
	}
	var from int64
	_, err := v.one(countFrom, []any{d.id, int64(number)}, &from)
	return int(d.holes - int64(d.counter-number+1) + from), err
}

// filledByTwins takes off the numbers that only events have whose id another one has.
func (v *view) filledByTwins(byDevice map[string]int, below func(device string) uint64) error {
	type number struct {
		device string
		of     uint64
	}
	kept := make(map[number]bool)
	if err := v.twins(func(e *events.Event, x *stray) {
		if byDevice[e.Device] > 0 && e.Chain.Counter < below(e.Device) && x.doubt != DoubtSignature {
			kept[number{e.Device, e.Chain.Counter}] = true
		}
	}); err != nil {
		return err
	}
	for n := range kept {
		var hole bool
		if _, err := v.one(`SELECT ?2 < v.counter AND NOT EXISTS (SELECT 1 FROM event e WHERE e.device = v.key AND e.counter = ?2 AND e.doubt <> 'signature')
			FROM device v WHERE v.id = ?1`, []any{n.device, int64(n.of)}, &hole); err != nil {
			return err
		}
		if hole {
			byDevice[n.device]--
		}
	}
	maps.DeleteFunc(byDevice, func(_ string, n int) bool { return n == 0 })
	return nil
}

// Span is a row of numbers of a chain, both ends included.
type Span struct{ From, To uint64 }

// MissingNumbers are the numbers that Missing counts of one device, in order. Its cost is that of the device's chain.
func (s *Store) MissingNumbers(ctx context.Context, device string, below uint64) (spans []Span, err error) {
	err = s.view(ctx, "find which numbers the chain of device "+device+" lacks", func(v *view) error {
		var kept []uint64 // by events whose id another one has
		if err := v.twins(func(e *events.Event, x *stray) {
			if e.Device == device && x.doubt != DoubtSignature {
				kept = append(kept, e.Chain.Counter)
			}
		}); err != nil {
			return err
		}
		slices.Sort(kept)
		return v.each(missingNumbers, []any{device}, func(scan func(...any) error) error {
			var from, to int64
			if err := scan(&from, &to); err != nil {
				return err
			}
			if below == 0 || uint64(from) >= below {
				return nil
			}
			rest := Span{uint64(from), min(uint64(to), below-1)}
			for _, n := range kept {
				if n < rest.From || n > rest.To {
					continue
				}
				if n > rest.From {
					spans = append(spans, Span{rest.From, n - 1})
				}
				rest.From = n + 1
			}
			if rest.From <= rest.To {
				spans = append(spans, rest)
			}
			return nil
		})
	})
	return spans, err
}

const missingNumbers = `SELECT before + 1, counter - 1 FROM (SELECT counter, lag(counter, 1, 0) OVER (ORDER BY counter) AS before FROM (
	SELECT DISTINCT w.counter FROM event w INDEXED BY event_chain WHERE ` + ofChain + `
	AND w.arrival NOT IN (SELECT arrival FROM event WHERE doubt = 'signature' AND doubt <> ''))) WHERE counter > before + 1 ORDER BY counter`

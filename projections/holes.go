package projections

import (
	"context"
	"fmt"
	"maps"

	"github.com/carelog/carelog/events"
)

// Missing is how many numbers of each device's chain no event here has, before the last one that
// is here: the server has lost them, or what was read stands before them. An event whose id another one
// has is here as well. Devices that lack none are left out. Its cost is that of the devices.
func (s *Store) Missing(ctx context.Context) (byDevice map[string]int, err error) {
	byDevice = make(map[string]int)
	err = s.view(ctx, "find what is missing in the chains", func(v *view) error {
		if err := v.each("SELECT id, holes FROM device WHERE holes > 0", nil, func(scan func(...any) error) error {
			var device string
			var holes int64
			err := scan(&device, &holes)
			byDevice[device] = int(holes)
			return err
		}); err != nil || len(byDevice) == 0 {
			return err
		}
		return v.filledByTwins(byDevice)
	})
	return byDevice, err
}

// filledByTwins takes off the numbers that only events have whose id another one has.
func (v *view) filledByTwins(byDevice map[string]int) error {
	type number struct {
		device string
		of     uint64
	}
	kept := make(map[number]bool)
	if err := v.twins(func(e *events.Event, x *stray) {
		if byDevice[e.Device] > 0 && x.doubt != DoubtSignature {
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

// MissingBelow is the same for one device and the numbers below one. Its cost is that of the device's chain.
func (s *Store) MissingBelow(ctx context.Context, device string, number uint64) (n int, err error) {
	err = s.view(ctx, fmt.Sprintf("find what is missing in the chain of device %s", device), func(v *view) error {
		var here int64
		_, err := v.one(`SELECT count(DISTINCT counter) FROM event WHERE device = (SELECT key FROM device WHERE id = ?) AND counter < ?
			AND arrival NOT IN (SELECT arrival FROM event WHERE doubt = 'signature' AND doubt <> '')`, []any{device, int64(number)}, &here)
		if err != nil || number == 0 {
			return err
		}
		n = int(number - 1 - min(uint64(here), number-1))
		return nil
	})
	return n, err
}

package projections

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// ChainInLog is the chain that the next event of a device carries, after those that
// the log has up to the position: what is queued here, not confirmed since the server
// was distrusted, or read ahead does not count.
func (s *Store) ChainInLog(ctx context.Context, device string) (events.Chain, error) {
	next := events.Chain{Counter: 1}
	err := s.view(ctx, fmt.Sprintf("find the end of the chain of device %s in the log", device), func(v *view) error {
		return v.each("SELECT "+eventColumns+eventTables+
			"WHERE e.device = (SELECT key FROM device WHERE id = ?) AND "+notQueued+
			" AND e.sequence BETWEEN 1 AND (SELECT sequence FROM store) AND e.doubt <> 'signature' ORDER BY e.counter DESC, e.id LIMIT 1",
			[]any{device}, func(scan func(...any) error) error {
				var r row
				if err := r.scan(s.options.Practice, scan); err != nil {
					return err
				}
				next = r.event.Follows()
				return nil
			})
	})
	return next, err
}

// ChainEnds are the ends of a device's chain in the log up to the position, of what counts of it there:
// each is what an event after it would carry, the highest counter first, so many at most. A sound chain
// has one. Another one is whatever no other event names as its previous one, where something is missing or two events have one
// number; and one stands before each SetAside, since that does not vouch by its link for what stands before it. Its cost is
// that of the whole chain.
func (s *Store) ChainEnds(ctx context.Context, device string, most int) (ends []events.Chain, err error) {
	counter := uint64(0)
	above, here := make(map[events.Digest]bool), make(map[events.Digest]bool) // what is named by those of the number above, and of this one
	err = s.view(ctx, fmt.Sprintf("find the ends of the chain of device %s in the log", device), func(v *view) error {
		return v.each("SELECT "+eventColumns+eventTables+
			"WHERE e.device = (SELECT key FROM device WHERE id = ?) AND e.sequence BETWEEN 1 AND (SELECT sequence FROM store) AND e."+counts+
			" ORDER BY e.counter DESC, e.id", []any{device}, func(scan func(...any) error) error {
			var r row
			if err := r.scan(s.options.Practice, scan); err != nil {
				return err
			}
			e := r.event
			if e.Chain.Counter != counter {
				above, here = here, above
				clear(here)
				if e.Chain.Counter+1 != counter {
					clear(above)
				}
				counter = e.Chain.Counter
			}
			here[e.Chain.Previous] = true
			switch {
			case len(ends) == most:
			case !e.Replaces.IsZero():
				ends = append(ends, e.Chain)
			case !above[e.Link()]:
				ends = append(ends, e.Follows())
			}
			return nil
		})
	})
	return ends, err
}

// notQueued says what the next condition says again, but by indexes alone: ten thousand
// queued events at the end of the chain would else be looked at row by row.
const notQueued = "e.arrival NOT IN (SELECT arrival FROM event WHERE sequence = 0)"

// InLog tells which of some events the log has; those that are not confirmed since the
// server was distrusted do not count.
func (s *Store) InLog(ctx context.Context, ids ...events.ID) (found []events.ID, err error) {
	err = s.view(ctx, "look for events in the log", func(v *view) error {
		for _, id := range ids {
			there, err := v.one("SELECT 1 FROM event WHERE id = ? AND sequence > 0 AND doubt <> 'signature'", []any{id[:]}, new(int))
			if err != nil {
				return err
			}
			if there {
				found = append(found, id)
			}
		}
		return nil
	})
	return found, err
}

package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

// Queued are the events of a device that the log is not known to have and never had: what
// stands in its outbox, or did. They come as they were written, byte for byte, in the order
// of the device's chain; those that skip tells, by id and place in the chain, are left out
// and not read.
func (s *Store) Queued(ctx context.Context, device string, skip func(id events.ID, counter uint64) bool) (list []*events.Event, err error) {
	err = s.view(ctx, "read what is queued", func(v *view) error {
		var wanted []int64
		if err := v.each("SELECT arrival, id, counter FROM event WHERE sequence = 0 AND device = (SELECT key FROM device WHERE id = ?) ORDER BY counter, arrival",
			[]any{device}, func(scan func(...any) error) error {
				var arrival, counter int64
				var id []byte
				if err := scan(&arrival, &id, &counter); err != nil {
					return err
				}
				if len(id) == len(events.ID{}) && !skip(events.ID(id), uint64(counter)) {
					wanted = append(wanted, arrival)
				}
				return nil
			}); err != nil {
			return err
		}
		for _, arrival := range wanted {
			if err := v.each("SELECT "+eventColumns+eventTables+"WHERE e.arrival = ?", []any{arrival}, func(scan func(...any) error) error {
				var r row
				if err := r.scan(v.practice, scan); err != nil {
					return err
				}
				list = append(list, r.event)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

package projections

import (
	"context"

	"github.com/carelog/carelog/events"
)

// Changes is what came here after an arrival number, at most limit of it (0 means
// DefaultLimit, MaxLimit is the most), in order. An event comes once when it is new,
// and again when its verdict got better or when it is taken out.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	var list []Change
	err := s.view(ctx, "list what is new", func(v *view) error {
		return v.each(`SELECT e.arrival, r.type, r.id, d.patient, e.id, e.type, v.id, e.author, e.sequence, e.arrived, e.doubt, 0
			FROM event e JOIN record r ON r.key = e.record JOIN dossier d ON d.key = e.dossier JOIN device v ON v.key = e.device
			WHERE e.arrival > ?1
			UNION ALL
			SELECT n.arrival, n.type, n.id, n.patient, n.event, n.what, n.device, n.author, ifnull(e.sequence, 0), n.arrived, ifnull(e.doubt, ''), n.removed
			FROM notice n LEFT JOIN event e ON e.id = n.event WHERE n.arrival > ?1
			ORDER BY 1 LIMIT ?2`, []any{after, bound(limit)}, func(scan func(...any) error) error {
			var c Change
			var id []byte
			var sequence, arrived int64
			if err := scan(&c.Arrival, &c.Record.Type, &c.Record.ID, &c.Patient, &id, &c.Type, &c.Device, &c.Author,
				&sequence, &arrived, &c.Doubt, &c.Removed); err != nil {
				return err
			}
			c.Event, c.Sequence, c.Arrived = events.ID(id), confirmed(sequence), moment(arrived)
			list = append(list, c)
			return nil
		})
	})
	return list, err
}

// bound brings a limit within what a page may hold.
func bound(limit int) int {
	if limit <= 0 {
		return DefaultLimit
	}
	return min(limit, MaxLimit)
}

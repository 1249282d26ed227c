package projections

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

var selectUnopened = &statement{"SELECT e.arrival" + eventTables + "WHERE e.doubt = 'unopened' AND d.patient = ?"}

// Reopen tries the bodies of a dossier that did not open when they came, because the
// patient's key has come since, and returns the records of which one opens now.
func (s *Store) Reopen(ctx context.Context, patient string) ([]events.Record, error) {
	var changed []events.Record
	err := s.change(ctx, fmt.Sprintf("open what is sealed in dossier %q", patient), func(b *batch) error {
		var arrivals []int64
		if err := b.each(selectUnopened, []any{patient}, func(scan func(...any) error) error {
			var arrival int64
			err := scan(&arrival)
			arrivals = append(arrivals, arrival)
			return err
		}); err != nil {
			return err
		}
		for _, arrival := range arrivals {
			v, err := b.load(arrival)
			if err != nil {
				return err
			}
			body, err := s.options.Opener(v.event)
			if err != nil {
				continue // still closed: its verdict stands
			}
			if err := b.merge(&v.row, &Entry{Event: v.event, Body: body}); err != nil {
				return err
			}
		}
		changed = b.changed()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

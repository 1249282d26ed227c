package projections

import "context"

// CountUnopened is how many events of each device have a body that does not open here
// (DoubtUnopened), but for those whose key was erased: they are closed by
// somebody's decision. A sealed body names its key in the bytes behind its first. Its cost is that of those events.
func (s *Store) CountUnopened(ctx context.Context) (byDevice map[string]int, err error) {
	byDevice = make(map[string]int)
	err = s.peek(ctx, "count what does not open", func(v *view) error {
		return v.each(`SELECT v.id, count(*) FROM event e JOIN device v ON v.key = e.device JOIN dossier d ON d.key = e.dossier
			WHERE e.doubt = 'unopened' AND e.doubt <> '' AND NOT EXISTS (SELECT 1 FROM erased_key k WHERE k.patient = d.patient AND k.id = substr(e.sealed, 2, length(k.id)))
			GROUP BY e.device`, nil, func(scan func(...any) error) error {
			var device string
			var n int
			err := scan(&device, &n)
			byDevice[device] = n
			return err
		})
	})
	return byDevice, err
}

package projections

import (
	"maps"
	"slices"
	"time"
)

// readHeads reads the heads of records that have several, by the records' keys, and since when
// those in conflict are.
func (v *view) readHeads(of map[int64]*State) error {
	if len(of) == 0 {
		return nil
	}
	contents := make(map[int64][]string, len(of)) // of the heads
	if err := v.each("SELECT "+eventColumns+", h.content"+headTables, []any{keyList(slices.Sorted(maps.Keys(of)))}, func(scan func(...any) error) error {
		var r row
		var content []byte
		if err := r.scan(v.practice, func(into ...any) error { return scan(append(into, &content)...) }); err != nil {
			return err
		}
		got := v.version(&r)
		got.Head = true
		of[r.record].Heads = append(of[r.record].Heads, got)
		contents[r.record] = append(contents[r.record], string(content))
		return nil
	}); err != nil {
		return err
	}
	for key, s := range of {
		if s.Conflict {
			s.Since = since(s.Heads, contents[key])
		}
	}
	return nil
}

// headTables are the heads of records that have several, the one shown first.
var headTables = ` FROM head h JOIN event e ON e.arrival = h.event LEFT JOIN record r ON r.key = e.record
	LEFT JOIN dossier d ON d.key = e.dossier LEFT JOIN device v ON v.key = e.device
	WHERE h.record IN ` + theseKeys(1) + ` ORDER BY h.record, h.class, h.place, h.id`

// since is when the second of two different contents arrived.
func since(heads []Version, contents []string) time.Time {
	first := 0
	for i := range heads {
		if heads[i].Arrival < heads[first].Arrival {
			first = i
		}
	}
	second := -1
	for i := range heads {
		if contents[i] != contents[first] && (second < 0 || heads[i].Arrival < heads[second].Arrival) {
			second = i
		}
	}
	if second < 0 {
		return time.Time{}
	}
	return heads[second].Arrived
}

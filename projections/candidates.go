package projections

import (
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// candidate is a record that may be found.
type candidate struct {
	key, shown     int64
	newest, came   int64 // of its heads the last to come here: its arrival, and when in milliseconds; 0 where nobody asks
	typ, id, label string
	heads          int
	conflict       bool
	packed         []byte // nil: it waits to be indexed
	place          []byte // the key by which it was met, where that matters
}

// newestHead is the arrival of the last head of a record to come here. A record is as new as
// that, whichever head is shown: a conflict begins when the second one comes.
const newestHead = "iif(r.heads > 1, (SELECT max(h.event) FROM head h WHERE h.record = r.key), r.shown)"

// newestCame is when that one came, in milliseconds, where the table e has a version of the record.
const newestCame = "iif(r.heads = 1 AND r.shown = e.arrival, e.arrived, ifnull((SELECT n.arrived FROM event n WHERE n.arrival = " + newestHead + "), e.arrived))"

// tables join no more than is asked for: a search may look at thousands of candidates.
func (x *searching) tables() (columns, joins string) {
	if x.lean { // a row less for each candidate; what there is of the record itself is read for those on the page
		return "v.record, 0, 0, 0, ?2, '', v.label, 1, 0, v.packed", " JOIN value v ON v.record = c.record WHERE ?1 <> 0 "
	}
	packed, newest, came := "v.packed", "0", "0"
	joins = " JOIN record r ON r.key = c.record LEFT JOIN value v ON v.record = r.key "
	if x.behind {
		packed = "CASE WHEN r.key <= ?1 AND u.record IS NULL THEN v.packed END"
		joins += "LEFT JOIN unindexed u ON u.record = r.key "
	}
	if x.needsTime() {
		newest, came = "e.arrival", "e.arrived"
		joins += "JOIN event e ON e.arrival = " + newestHead + " "
	}
	return "r.key, r.shown, " + newest + ", " + came + ", r.type, r.id, r.label, r.heads, r.conflict, " + packed,
		joins + "WHERE r.heads > 0 AND r.deleted = 0 AND (?2 = '' OR r.type = ?2) "
}

// candidates calls f with each hit of a origin, in no order.
func (x *searching) candidates(from origin, f func(hit) error) error {
	switch {
	case from.carried.decided:
		return x.carriedHits(from, f)
	case x.conflicts && from.way.Conflict:
		if err := x.conflictHits(f); err != nil {
			return err
		}
		from.sql += " EXCEPT SELECT key FROM record WHERE conflict = 1 AND type = ?2"
	}
	return x.look("(SELECT DISTINCT record FROM ("+from.sql+")) c CROSS", "", from.args, func(c *candidate) error {
		h, ok, err := x.judge(c)
		if err != nil || !ok {
			return err
		}
		return f(h)
	})
}

// look reads candidates: those of c.record in a part of a FROM clause, which a condition
// may narrow. The arguments ?1 and ?2 are its own.
func (x *searching) look(from, rest string, args []any, f func(*candidate) error) error {
	columns, joins := x.tables()
	place := "NULL"
	if strings.HasPrefix(from, "found_by") {
		place = "c.key"
	}
	return x.each("SELECT "+columns+", "+place+" FROM "+from+joins+rest, slices.Concat([]any{x.upTo, x.Type}, args), func(scan func(...any) error) error {
		x.looked++
		var c candidate
		if err := scan(&c.key, &c.shown, &c.newest, &c.came, &c.typ, &c.id, &c.label, &c.heads, &c.conflict, &c.packed, &c.place); err != nil {
			return err
		}
		return f(&c)
	})
}

// byValue reports whether the order is about what stands among the values of the head shown.
func (x *searching) byValue() bool {
	return x.along == nil && x.order.InValues() && x.order.Name != fhirsearch.ParamName
}

// needsTime reports whether somebody asks when records came.
func (x *searching) needsTime() bool {
	return x.order.Name == fhirsearch.ParamLastUpdated || slices.ContainsFunc(x.Conditions, func(c fhirsearch.Condition) bool { return c.Name == fhirsearch.ParamLastUpdated })
}

// judge decides whether a candidate is a hit: one of its live heads must be all that is
// asked for.
func (x *searching) judge(c *candidate) (h hit, ok bool, err error) {
	h = hit{record: events.Record{Type: c.typ, ID: c.id}, key: c.key}
	if c.packed == nil {
		if c.packed, err = x.unpacked(c); err != nil {
			return h, false, err
		}
	}
	values := fhirsearch.Unpack(c.packed)
	for i := range values {
		if !x.matches(c, values[i]) {
			continue
		}
		if ok = true; len(values) > 1 {
			h.heads = append(h.heads, i)
		}
	}
	if !ok {
		return h, false, nil
	}
	shown := 0
	if len(values) > 1 && x.byValue() {
		if shown, err = x.shownOf(c, len(values)); err != nil {
			return h, false, err
		}
	}
	h.order = x.orderKey(c, values[shown])
	return h, true, nil
}

func (x *searching) matches(c *candidate, v fhirsearch.Values) bool {
	head := fhirsearch.Head{ID: c.id, Updated: c.came, Conflict: c.conflict, Values: v}
	for i := range x.Conditions {
		if !x.Conditions[i].Matches(&head) {
			return false
		}
	}
	return true
}

// shownOf is which of a record's live heads is shown, of so many, in the order of their ids:
// that is the order of their values.
func (v *view) shownOf(c *candidate, of int) (shown int, err error) {
	n := 0
	err = v.each("SELECT h.event = r.shown FROM head h JOIN record r ON r.key = h.record WHERE h.record = ? AND h.class < 2 ORDER BY h.id", []any{c.key}, func(scan func(...any) error) error {
		var this bool
		if err := scan(&this); err != nil {
			return err
		}
		if this {
			shown = n
		}
		n++
		return nil
	})
	if err == nil && n != of {
		err = liveHeadsDiffer(events.Record{Type: c.typ, ID: c.id}, of, n)
	}
	return shown, err
}

func liveHeadsDiffer(of events.Record, values, heads int) error {
	return &DifferenceError{What: "live heads of " + of.String(), Want: fmt.Sprint(values), Got: fmt.Sprint(heads)}
}

// unpacked makes the values of a record that waits to be indexed.
func (x *searching) unpacked(c *candidate) ([]byte, error) {
	from, key := eventTables+"WHERE e.arrival = ?", c.shown
	if c.heads > 1 {
		from = ` FROM head h JOIN event e ON e.arrival = h.event LEFT JOIN record r ON r.key = e.record
			LEFT JOIN dossier d ON d.key = e.dossier LEFT JOIN device v ON v.key = e.device
			WHERE h.record = ? AND h.class < 2 ORDER BY h.id`
		key = c.key
	}
	var list []fhirsearch.Values
	err := x.each("SELECT "+eventColumns+from, []any{key}, func(scan func(...any) error) error {
		var r row
		if err := r.scan(x.practice, scan); err != nil {
			return err
		}
		list = append(list, x.valuesIn(&r))
		return nil
	})
	return fhirsearch.Pack(list), err
}

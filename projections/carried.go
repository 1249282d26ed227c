package projections

import (
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// carried is what the words found, with all that a list is made of: no other row of a record has
// to be read before it is known to be on the page.
type carried struct {
	decided bool       // false: the words only suggest the records
	single  []carriage // of records that have one head
	several []int64    // carriers of the heads of others
}

// carriage is a record of which the single head carries words.
type carriage struct {
	key       int64
	label, id string
}

// findCarried finds the records of heads that carry words, up to a number of rows of words;
// met is how many there were before those were left out whose words are not what is asked for.
func (x *searching) findCarried(match string, most int) (found carried, met int, err error) {
	found.decided = x.named != nil
	unsure := make(map[int64]carriage) // by carrier
	err = x.each(`SELECT n.rowid, ifnull(r.key, 0), ifnull(r.type, ''), ifnull(r.label, ''), ifnull(r.id, '')
		FROM words n LEFT JOIN record r ON r.carrier = n.rowid AND r.carrier <> 0 WHERE words MATCH ? LIMIT ?`, []any{match, most}, func(scan func(...any) error) error {
		var carrier int64
		var typ string
		var c carriage
		if err := scan(&carrier, &c.key, &typ, &c.label, &c.id); err != nil {
			return err
		}
		met++
		switch {
		case c.key == 0:
			found.several = append(found.several, carrier)
		case !found.decided:
			found.single = append(found.single, c)
		case typ != x.Type:
		case x.named.MatchesWords(strings.Fields(c.label)): // which are some of the words, or begin some
			found.single = append(found.single, c)
		default:
			unsure[carrier] = c
		}
		return nil
	})
	if err == nil && len(unsure) > 0 {
		err = x.readNames(unsure, func(c carriage) { found.single = append(found.single, c) })
	}
	return found, met, err
}

// readNames calls f with those of which all words of the names are what is asked for.
func (x *searching) readNames(unsure map[int64]carriage, f func(carriage)) error {
	carriers := slices.Sorted(maps.Keys(unsure))
	return x.each("SELECT n.rowid, n.name FROM json_each(?) c CROSS JOIN words n ON n.rowid = c.value", []any{keyList(carriers)}, func(scan func(...any) error) error {
		var carrier int64
		var name string
		if err := scan(&carrier, &name); err != nil {
			return err
		}
		if x.named.MatchesWords(strings.Fields(name)) {
			f(unsure[carrier])
		}
		return nil
	})
}

// origin is the records that were found, as candidates.
func (c *carried) origin(way fhirsearch.Way) origin {
	s := origin{way: way, count: len(c.single) + len(c.several), exact: true, carried: *c}
	if !c.decided {
		keys := make([]int64, len(c.single))
		for i, of := range c.single {
			keys[i] = of.key
		}
		s.add("SELECT value AS record FROM json_each(?)", keyList(keys))
	}
	s.add("SELECT record FROM head WHERE carrier <> 0 AND carrier IN (SELECT value FROM json_each(?))", keyList(c.several))
	return s
}

// carriedHits calls f with the record of each carrier. One of several heads is looked at like
// any other candidate: which of them is shown decides where it stands.
func (x *searching) carriedHits(from origin, f func(hit) error) error {
	for _, c := range from.carried.single {
		if err := f(x.listed(c)); err != nil {
			return err
		}
	}
	if len(from.carried.several) == 0 {
		return nil
	}
	from.carried = carried{}
	return x.candidates(from, f)
}

// listed is a hit of which an index has all that it is ordered by.
func (x *searching) listed(c carriage) hit {
	return hit{record: events.Record{Type: x.Type, ID: c.id}, key: c.key, order: x.orderKey(&candidate{label: c.label}, nil)}
}

// conflictHits calls f with each record in conflict of the type: all of its live heads are.
func (x *searching) conflictHits(f func(hit) error) error {
	return x.each("SELECT key, label, id FROM record WHERE conflict = 1 AND type = ?", []any{x.Type}, func(scan func(...any) error) error {
		var c carriage
		if err := scan(&c.key, &c.label, &c.id); err != nil {
			return err
		}
		return f(x.listed(c))
	})
}

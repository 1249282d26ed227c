package projections

import (
	"strings"

	"github.com/carelog/carelog/events"
)

// carried are the rows of words that answer a search by name, and nothing else about it: what
// stands there decides alone, so no other row of a record has to be read before it is known to
// be on the page.
type carried struct {
	decided bool    // false: the words only suggest the records
	keys    []int64 // carriers
}

// carriers finds the rows that hold words, up to a number of them; met is how many there were
// before those were left out whose words are not what is asked for.
func (x *searching) carriers(match string, most int) (found carried, met int, err error) {
	found.decided = x.named != nil
	column := "''"
	if found.decided {
		column = "name"
	}
	err = x.each("SELECT rowid, "+column+" FROM words WHERE words MATCH ? LIMIT ?", []any{match, most}, func(scan func(...any) error) error {
		var key int64
		var name string
		if err := scan(&key, &name); err != nil {
			return err
		}
		met++
		if !found.decided || x.named.MatchesWords(strings.Fields(name)) {
			found.keys = append(found.keys, key)
		}
		return nil
	})
	return found, met, err
}

const carriersIn = "carrier <> 0 AND carrier IN (SELECT value FROM json_each(?))"

// carriedHits calls f with the record of each carrier. One of several heads is looked at like
// any other candidate: which of them is shown decides where it stands.
func (x *searching) carriedHits(from origin, f func(hit) error) error {
	list := keyList(from.carried.keys)
	if err := x.each("SELECT key, label, id FROM record WHERE +type = ? AND "+carriersIn, []any{x.Type, list}, func(scan func(...any) error) error {
		var c candidate
		if err := scan(&c.key, &c.label, &c.id); err != nil {
			return err
		}
		return f(x.listed(&c))
	}); err != nil {
		return err
	}
	var heads origin
	heads.add("SELECT record FROM head WHERE "+carriersIn, list)
	return x.candidates(heads, f)
}

// listed is a hit of which an index has all that it is ordered by.
func (x *searching) listed(c *candidate) hit {
	return hit{record: events.Record{Type: x.Type, ID: c.id}, key: c.key, order: x.orderKey(c, nil)}
}

// conflictHits calls f with each record in conflict of the type: all of its live heads are.
func (x *searching) conflictHits(f func(hit) error) error {
	return x.each("SELECT key, label, id FROM record WHERE conflict = 1 AND type = ?", []any{x.Type}, func(scan func(...any) error) error {
		var c candidate
		if err := scan(&c.key, &c.label, &c.id); err != nil {
			return err
		}
		return f(x.listed(&c))
	})
}

package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// Search finds records that are not deleted. What any live head can be found by finds
// the record, also where another head is shown: an allergy that stands only on the
// losing side of a conflict must not be missed; Page.Elsewhere names it then.
func (s *Store) Search(ctx context.Context, q Query) (Page, error) {
	s.indexFew(ctx)
	var page Page
	err := s.view(ctx, "search", func(v *view) error {
		x, err := v.searching(q, s.bounds)
		if err != nil {
			return err
		}
		if err := x.run(); err != nil {
			return err
		}
		page = x.page
		return x.readStates(&page)
	})
	return page, err
}

// searching is one search on its way.
type searching struct {
	*view
	Query
	bounds
	order fhirsearch.Order
	along *along                // nil: by the order alone
	lean  bool                  // see fhirsearch.Alone
	named *fhirsearch.Condition // all that is asked for: the words of names decide it; else nil
	// conflicts says that nothing is asked for but that records are in conflict, and that the
	// index of those has all that they are listed by.
	conflicts bool
	limit     int
	after     *cursor // nil: from the beginning
	behind    bool    // not every record is indexed
	within    bool    // and those that are not are few: they are looked at as well
	upTo      int64

	page   Page
	hits   []hit
	looked int // at so many candidates
}

// hit is a record that was found, and its place in the order.
type hit struct {
	record events.Record
	key    int64
	order  []byte // nil: nothing to be ordered by
	heads  []int  // of several that are live, in the order of their ids, those that were found
}

// along is the span of keys of a date that was asked for: where no order is asked for, what
// is found stands by its first key within it, and so a page needs no more than it holds.
type along struct {
	fhirsearch.Reach
	of int // the condition
}

// alongOf finds the one date that is asked for, where its candidates are one span of keys.
func alongOf(q Query) *along {
	var found *along
	for i := range q.Conditions {
		c := &q.Conditions[i]
		if c.Kind != fhirsearch.KindDate {
			continue
		}
		ways := c.Ways()
		if found != nil || len(ways) != 1 || len(ways[0].Reaches) != 1 {
			return nil
		}
		found = &along{ways[0].Reaches[0], i}
	}
	return found
}

// bounds are what one search may cost.
type bounds struct {
	late     int64 // records that wait to be indexed, which it indexes before it begins
	few      int   // so many candidates are all looked at, whatever the order
	counted  int   // MaxCounted
	examined int   // rows that a page of more than that is made of; it then ends, with fewer records than were asked for
	step     int   // how many of them are read at a time
}

var usualBounds = bounds{late: Few, few: 100, counted: MaxCounted, examined: 20_000, step: 500}

func (v *view) searching(q Query, b bounds) (*searching, error) {
	x := &searching{view: v, Query: q, bounds: b, order: q.Order.Usual(q.Type), limit: bound(q.Limit)}
	if q.Type == "" && len(q.Conditions) > 0 {
		return nil, fmt.Errorf("%w: conditions are of a type", ErrQuery)
	}
	if q.Type == "" {
		x.order = fhirsearch.Order{Parameter: fhirsearch.Parameter{Name: fhirsearch.ParamName}}
	}
	if q.Order.Name == "" && x.order.Name == fhirsearch.ParamID && q.Text == "" {
		x.along = alongOf(q)
	}
	if q.After != "" {
		c, err := parseCursor(q.After)
		if err != nil {
			return nil, err
		}
		if c.order != x.orderName() || q.Type != "" && c.record.Type != q.Type {
			return nil, fmt.Errorf("%w: it is of another one", ErrCursor)
		}
		x.after = &c
	}
	var last int64
	var waiting bool
	_, err := v.one("SELECT indexed, EXISTS (SELECT 1 FROM unindexed), ifnull((SELECT max(key) FROM record), 0) FROM store", nil, &x.upTo, &waiting, &last)
	x.behind = waiting || x.upTo < last
	x.lean = !x.behind && x.Text == "" && (x.along != nil || x.order.InValues()) && fhirsearch.Alone(q.Type, q.Conditions)
	if x.lean && x.order.Name == fhirsearch.ParamName {
		x.named = fhirsearch.OfNames(q.Type, q.Conditions)
	}
	x.conflicts = fhirsearch.OfConflict(q.Conditions) && q.Text == "" && (x.order.Name == fhirsearch.ParamName || x.order.Name == fhirsearch.ParamID)
	return x, err
}

// orderName is the order as cursors have it.
func (x *searching) orderName() string {
	if x.along != nil {
		return "found by " + x.Conditions[x.along.of].Name
	}
	return x.order.String()
}

// run finds the hits of the page: among all that there is where there are few candidates,
// and else along the order.
func (x *searching) run() error {
	best, err := x.plan()
	if err != nil {
		return err
	}
	if x.walksAlong(best) {
		return x.walk()
	}
	if best.count > x.counted && !x.CountOnly && x.Text == "" && x.Type != "" {
		return x.walk()
	}
	x.page.Partial = x.behind && best.way.Indexed() && !x.within
	if x.CountOnly {
		return x.count(best)
	}
	return x.gather(best)
}

// walksAlong reports whether a page is best found in the order of the date that was asked
// for: without counting all that there is.
func (x *searching) walksAlong(best origin) bool {
	return best.along && best.count > x.few && !x.Counted && !x.CountOnly && !x.behind
}

// compare orders hits: by what the order is about, then by type and id.
func (x *searching) compare(a, b hit) int {
	if c := x.order.Compare(a.order, b.order); c != 0 {
		return c
	}
	if c := strings.Compare(a.record.Type, b.record.Type); c != 0 {
		return c
	}
	if x.order.Name == fhirsearch.ParamID && x.order.Descending {
		return strings.Compare(b.record.ID, a.record.ID)
	}
	return strings.Compare(a.record.ID, b.record.ID)
}

// passed reports whether a hit stands on an earlier page.
func (x *searching) passed(h hit) bool {
	return x.after != nil && x.compare(h, hit{record: x.after.record, order: x.after.key}) <= 0
}

// gather looks at all candidates.
func (x *searching) gather(from origin) error {
	if err := x.candidates(from, func(h hit) error {
		x.hits = append(x.hits, h)
		return nil
	}); err != nil {
		return err
	}
	x.page.Total = len(x.hits)
	if x.lean && x.after == nil && len(x.hits) <= x.limit {
		return nil // all are on the page: they are named, and put in order, as they are read
	}
	if err := x.nameFirst(); err != nil {
		return err
	}
	x.hits = slices.DeleteFunc(x.hits, x.passed)
	slices.SortFunc(x.hits, x.compare)
	if len(x.hits) > x.limit {
		x.hits = x.hits[:x.limit]
		x.end(x.hits[x.limit-1])
	}
	return nil
}

// count counts what all pages hold.
func (x *searching) count(from origin) error {
	return x.candidates(from, func(hit) error {
		x.page.Total++
		return nil
	})
}

// end makes the next page begin behind a hit.
func (x *searching) end(last hit) {
	x.page.Next = cursor{x.orderName(), last.order, last.record}.String()
}

// orderKey is what a record is ordered by: of the head shown.
func (x *searching) orderKey(c *candidate, shown fhirsearch.Values) []byte {
	switch {
	case x.along != nil:
		return x.along.First(c.packed)
	case x.order.Name == fhirsearch.ParamID:
		return nil
	case x.order.Name == fhirsearch.ParamLastUpdated:
		return fhirsearch.KeyOfArrival(c.newest)
	case x.order.Name == fhirsearch.ParamName:
		if c.label == "" {
			return nil
		}
		return []byte(c.label)
	}
	return x.order.Key(shown)
}

package projections

import (
	"bytes"
	"database/sql"
	"errors"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// walk finds a page of what has too many candidates to look at all: along the order, as
// the index has it.
func (x *searching) walk() error {
	x.page.Total = -1
	w := walking{searching: x}
	if x.along != nil {
		x.page.Partial = x.behind
		_, err := w.byKeys(x.along.Reach)
		return err
	}
	if r, ok := x.order.Reach(x.Type); ok {
		x.page.Partial = x.behind
		if x.after == nil || x.after.key != nil {
			done, err := w.byKeys(r)
			if err != nil || done {
				return err
			}
			x.after = nil // what has nothing to be ordered by comes last, from its beginning
		}
		w.bare = true
	} else if x.order.Name == fhirsearch.ParamLastUpdated {
		return w.byArrival()
	}
	return w.byID()
}

type walking struct {
	*searching
	read int  // rows
	bare bool // only what has nothing to be ordered by
}

// take adds what was found at one place of the order; done where the page is full, or the
// work that may be spent on one is.
func (w *walking) take(found []hit, last hit) (done bool) {
	slices.SortFunc(found, w.compare)
	for _, h := range found {
		if w.passed(h) {
			continue
		}
		if len(w.hits) == w.limit {
			w.end(w.hits[w.limit-1])
			return true
		}
		w.hits = append(w.hits, h)
	}
	if w.read >= w.examined {
		w.end(last)
		return true
	}
	return false
}

// byKeys walks along the keys of a date or a name. What has one key is taken together, since
// it is ordered by id.
func (w *walking) byKeys(all fhirsearch.Reach) (done bool, err error) {
	at, lower, upper := all, ">=", "<="
	edge, open, direction := &at.From, &lower, "ASC"
	if w.order.Descending {
		edge, open, direction = &at.To, &upper, "DESC"
	}
	if w.after != nil {
		*edge = slices.Concat(all.From[:2], w.after.key)
		if w.after.record.ID == lastID { // all of that key was taken
			*open = (*open)[:1]
		}
	}
	for step := min(w.limit+1, w.step); ; step = w.pace(step) {
		keys, more, err := w.next("SELECT key FROM found_by WHERE key "+lower+" ? AND key "+upper+" ? ORDER BY key "+direction+" LIMIT ?", at, step)
		if err != nil {
			return false, err
		}
		if done, err := w.groups(keys); done || err != nil || !more {
			return done, err
		}
		*edge = keys[len(keys)-1].key
		*open = (*open)[:1] // the edge itself was taken
	}
}

// pace is how many rows to look at next: as many as fill the page where hits go on coming as
// they did. A period stands at its beginning and at its end, so that is often twice the page.
func (w *walking) pace(step int) int {
	found := len(w.hits)
	if found == 0 {
		return min(2*step, w.step)
	}
	missing := w.limit + 1 - found
	return min(missing*w.read/found+missing/8+2, w.step)
}

// station is a key along which records are walked, and how many rows have it.
type station struct {
	key  []byte
	rows int
}

// next reads where a walk goes on: at the keys that have so many rows together, and at no more rows than the page
// may still be made of. A key of which not all rows were met is left for later, but for the
// first: it must be passed, however many it has.
func (w *walking) next(question string, in fhirsearch.Reach, step int) (list []station, more bool, err error) {
	most := w.examined - w.read + 1
	rows := 0
	err = w.each(question, []any{in.From, in.To, most}, func(scan func(...any) error) error {
		var key sql.RawBytes
		if err := scan(&key); err != nil {
			return err
		}
		rows++
		if n := len(list); n > 0 && bytes.Equal(list[n-1].key, key) {
			list[n-1].rows++
			return nil
		}
		if rows > step {
			return errEnough
		}
		list = append(list, station{bytes.Clone(key), 1})
		return nil
	})
	if errors.Is(err, errEnough) {
		return list, true, nil
	}
	if more = rows == most; more && len(list) > 1 {
		list = list[:len(list)-1]
	}
	return list, more, err
}

// errEnough ends a question whose other rows are not needed.
var errEnough = errors.New("enough was read")

// groups takes the records of each key in turn. They are looked at all at once.
func (w *walking) groups(keys []station) (done bool, err error) {
	if len(keys) == 0 {
		return false, nil
	}
	first, last := keys[0].key, keys[len(keys)-1].key
	if w.order.Descending {
		first, last = last, first
	}
	var all []hit
	if err := w.look("found_by c CROSS", "AND c.key >= ?3 AND c.key <= ?4", []any{first, last}, func(c *candidate) error {
		h, ok, err := w.judge(c)
		if ok && sameKey(h.order, c.place[2:]) { // a record with several dates stands at each of them
			all = append(all, h)
		}
		return err
	}); err != nil {
		return false, err
	}
	slices.SortStableFunc(all, func(a, b hit) int { return w.order.Compare(a.order, b.order) })
	named := 0
	for _, k := range keys {
		w.read += k.rows
		key, n := k.key[2:], 0
		for n < len(all) && bytes.Equal(all[n].order, key) {
			n++
		}
		if n > named { // as many more as the page can want
			named = max(n, min(len(all), w.limit-len(w.hits)+1))
			if err := w.name(all[:named]); err != nil {
				return false, err
			}
		}
		if w.take(all[:n], w.behindAll(key)) {
			return true, nil
		}
		all, named = all[n:], max(named-n, 0)
	}
	return false, nil
}

// behindAll is the place behind all that has a key.
func (w *walking) behindAll(key []byte) hit {
	return hit{order: key, record: events.Record{Type: w.Type, ID: lastID}}
}

// lastID is behind every id of a record, as far as order goes.
const lastID = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"

// byID walks along the ids of a type.
func (w *walking) byID() error {
	w.page.Partial = w.behind
	all := fhirsearch.IDsOf(w.Type)
	from, to, lower, upper, direction := all.From, all.To, ">=", "<=", "ASC"
	edge, open := &from, &lower
	if w.order.Name == fhirsearch.ParamID && w.order.Descending {
		edge, open, direction = &to, &upper, "DESC"
	}
	if w.after != nil {
		*edge, *open = fhirsearch.IDKey(w.Type, w.after.record.ID), (*open)[:1]
	}
	for {
		var keys [][]byte
		if err := w.each("SELECT key FROM found_by WHERE key "+lower+" ? AND key "+upper+" ? ORDER BY key "+direction+" LIMIT ?", []any{from, to, w.step}, func(scan func(...any) error) error {
			var key []byte
			err := scan(&key)
			keys = append(keys, key)
			return err
		}); err != nil || len(keys) == 0 {
			return err
		}
		last := keys[len(keys)-1]
		first, end := keys[0], last
		if direction == "DESC" {
			first, end = last, keys[0]
		}
		var found []hit
		if err := w.look("(SELECT record FROM found_by WHERE key >= ?3 AND key <= ?4) c CROSS", "", []any{first, end}, func(c *candidate) error {
			h, ok, err := w.judge(c)
			if ok && !(w.bare && h.order != nil) {
				found = append(found, h)
			}
			return err
		}); err != nil {
			return err
		}
		if err := w.name(found); err != nil {
			return err
		}
		w.read += len(keys)
		if w.take(found, hit{record: events.Record{Type: w.Type, ID: fhirsearch.IDIn(last)}}) || len(keys) < w.step {
			return nil
		}
		*edge, *open = last, (*open)[:1]
	}
}

// byArrival walks along the order in which versions came: each record stands at the
// last of its heads to come.
func (w *walking) byArrival() error {
	direction, beyond, from := "ASC", ">", int64(0)
	if w.order.Descending {
		direction, beyond, from = "DESC", "<", int64(1)<<62
	}
	if w.after != nil {
		from = arrivalOf(w.after.key)
	}
	for {
		var arrivals []int64
		if err := w.each("SELECT arrival FROM event WHERE arrival "+beyond+" ? ORDER BY arrival "+direction+" LIMIT ?", []any{from, w.step}, func(scan func(...any) error) error {
			var arrival int64
			err := scan(&arrival)
			arrivals = append(arrivals, arrival)
			return err
		}); err != nil || len(arrivals) == 0 {
			return err
		}
		w.read += len(arrivals)
		low, high := min(arrivals[0], arrivals[len(arrivals)-1]), max(arrivals[0], arrivals[len(arrivals)-1])
		var found []hit
		if err := w.look("(SELECT record, arrival FROM event WHERE arrival >= ?3 AND arrival <= ?4) c CROSS", "AND e.arrival = c.arrival", []any{low, high}, func(c *candidate) error {
			h, ok, err := w.judge(c)
			if ok {
				found = append(found, h)
			}
			return err
		}); err != nil {
			return err
		}
		from = arrivals[len(arrivals)-1]
		if w.take(found, w.behindAll(fhirsearch.KeyOfArrival(from))) || len(arrivals) < w.step {
			return nil
		}
	}
}

package projections

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/carelog/carelog/events"
)

// nameFirst orders what was found by what the order is about, and names so much of it,
// from the place of the cursor on, that the page can be told from the rest.
func (x *searching) nameFirst() error {
	if !x.lean {
		return nil
	}
	byKey := func(a, b hit) int { return x.order.Compare(a.order, b.order) }
	slices.SortFunc(x.hits, byKey)
	least := x.limit + 1
	if x.after != nil {
		place := hit{order: x.after.key}
		x.hits = slices.DeleteFunc(x.hits, func(h hit) bool { return byKey(h, place) < 0 })
		for _, h := range x.hits {
			if byKey(h, place) != 0 {
				break
			}
			least++ // it may stand before the cursor
		}
	}
	for least < len(x.hits) && byKey(x.hits[least-1], x.hits[least]) == 0 {
		least++
	}
	x.hits = x.hits[:min(least, len(x.hits))]
	return x.name(x.hits)
}

// theseKeys stands in a statement for the keys of records, which are its argument n, as
// keyList writes them. It is one statement for any number of them: each number would have
// one of its own, and preparing one costs as much as a small search.
func theseKeys(n int) string { return fmt.Sprintf("(SELECT value FROM json_each(?%d))", n) }

// keyList writes keys as JSON, whose whole numbers SQLite reads exactly.
func keyList(keys []int64) string {
	list := []byte{'['}
	for i, key := range keys {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, key, 10)
	}
	return string(append(list, ']'))
}

// name finds the names of records that were found by their values alone.
func (x *searching) name(hits []hit) error {
	if !x.lean {
		return nil
	}
	at := make(map[int64]*hit)
	var keys []int64
	for i := range hits {
		if h := &hits[i]; h.record.ID == "" {
			at[h.key], keys = h, append(keys, h.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return x.each("SELECT key, id FROM record WHERE key IN "+theseKeys(1), []any{keyList(keys)}, func(scan func(...any) error) error {
		var key int64
		var id string
		if err := scan(&key, &id); err != nil {
			return err
		}
		at[key].record.ID = id
		return nil
	})
}

// readStates reads the records that were found.
func (x *searching) readStates(page *Page) error {
	byKey, err := x.statesOf(x.hits)
	if err != nil {
		return err
	}
	for i := range x.hits {
		x.hits[i].record = byKey[x.hits[i].key].Record
	}
	slices.SortFunc(x.hits, x.compare)
	for _, h := range x.hits {
		state := byKey[h.key]
		page.States = append(page.States, state)
		if err := page.noteElsewhere(h, state); err != nil {
			return err
		}
	}
	return nil
}

// statesOf reads the records of hits, by their keys.
func (x *searching) statesOf(hits []hit) (map[int64]State, error) {
	byKey := make(map[int64]State, len(hits))
	keys := make([]int64, len(hits))
	for i, h := range hits {
		keys[i] = h.key
	}
	if err := x.eachState("WHERE r.key IN "+theseKeys(1)+" AND r.heads = 1", []any{keyList(keys)}, func(key int64, _ int, got State) { byKey[key] = got }); err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(key int64) bool { _, single := byKey[key]; return single })
	if len(keys) == 0 {
		return byKey, nil
	}
	found, states, err := x.keyedStates("WHERE r.key IN "+theseKeys(1), keyList(keys))
	for i, key := range found {
		byKey[key] = states[i]
	}
	return byKey, err
}

// noteElsewhere names the heads by which a record was found where another one is shown.
func (p *Page) noteElsewhere(h hit, state State) error {
	if h.heads == nil {
		return nil
	}
	var live []events.ID
	for _, head := range state.Heads {
		if !head.Deleted() {
			live = append(live, head.Event.ID)
		}
	}
	slices.SortFunc(live, func(a, b events.ID) int { return bytes.Compare(a[:], b[:]) })
	ids := make([]events.ID, len(h.heads))
	for i, n := range h.heads {
		if n >= len(live) {
			return liveHeadsDiffer(state.Record, n+1, len(live))
		}
		ids[i] = live[n]
	}
	if slices.Contains(ids, state.Shown.Event.ID) {
		return nil
	}
	if p.Elsewhere == nil {
		p.Elsewhere = make(map[events.Record][]events.ID)
	}
	p.Elsewhere[state.Record] = ids
	return nil
}

func sameKey(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

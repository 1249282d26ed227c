package projections

import (
	"bytes"
	"slices"
	"strings"

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

// atOnce is how many records are asked for with one question, and the largest of the sizes
// in which they are: each size is a statement, and preparing one costs more than reading a
// few rows.
const atOnce = 256

// padded repeats the last of a list until it has the next of the sizes.
func padded(list []any) []any {
	for n := len(list); n&(n-1) != 0; n++ {
		list = append(list, list[len(list)-1])
	}
	return list
}

// inParts asks for rows by the keys of records, some at a time.
func inParts(keys []int64, ask func(list string, args []any) error) error {
	for part := range slices.Chunk(keys, atOnce) {
		args := make([]any, len(part))
		for i, key := range part {
			args[i] = key
		}
		args = padded(args)
		if err := ask("(?"+strings.Repeat(", ?", len(args)-1)+")", args); err != nil {
			return err
		}
	}
	return nil
}

// name finds the names of records that were found by their values alone.
func (x *searching) name(hits []hit) error {
	if !x.lean {
		return nil
	}
	at := make(map[int64]*hit, len(hits))
	keys := make([]int64, len(hits))
	for i := range hits {
		at[hits[i].key], keys[i] = &hits[i], hits[i].key
	}
	return inParts(keys, func(list string, args []any) error {
		return x.each("SELECT key, id FROM record WHERE key IN "+list, args, func(scan func(...any) error) error {
			var key int64
			var id string
			if err := scan(&key, &id); err != nil {
				return err
			}
			at[key].record.ID = id
			return nil
		})
	})
}

// readStates reads the records that were found.
func (x *searching) readStates(page *Page) error {
	byKey := make(map[int64]State, len(x.hits))
	keys := make([]int64, len(x.hits))
	for i, h := range x.hits {
		keys[i] = h.key
	}
	if err := inParts(keys, func(list string, args []any) error {
		return x.eachState("WHERE r.key IN "+list+" AND r.heads = 1", args, func(key int64, _ int, got State) { byKey[key] = got })
	}); err != nil {
		return err
	}
	for i := range x.hits {
		h := &x.hits[i]
		if _, single := byKey[h.key]; !single {
			states, err := x.states("WHERE r.key = ?", h.key)
			if err != nil {
				return err
			}
			byKey[h.key] = states[0]
		}
		h.record = byKey[h.key].Record
	}
	slices.SortFunc(x.hits, x.compare)
	for _, h := range x.hits {
		state := byKey[h.key]
		page.States = append(page.States, state)
		if h.heads != nil && !slices.Contains(h.heads, state.Shown.Event.ID) {
			if page.Elsewhere == nil {
				page.Elsewhere = make(map[events.Record][]events.ID)
			}
			page.Elsewhere[h.record] = h.heads
		}
	}
	return nil
}

func sameKey(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

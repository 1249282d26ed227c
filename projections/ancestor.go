package projections

import (
	"context"
	"slices"

	"github.com/carelog/carelog/events"
)

// Ancestor is the latest version that all heads of a record come from; false where
// there is none, and where the record has a single head. It reads every version of the
// record once, and takes a bit per head and version.
func (s *Store) Ancestor(ctx context.Context, r events.Record) (version Version, found bool, err error) {
	err = s.view(ctx, "find the shared ancestor of "+r.String(), func(v *view) error {
		heads, err := v.headIDs(r)
		if err != nil || len(heads) < 2 {
			return err
		}
		graph, err := v.graph(r)
		if err != nil {
			return err
		}
		id, ok := latestShared(graph, heads)
		if !ok {
			return nil
		}
		_, err = v.versions(eventTables+"WHERE e.id = ?", []any{id[:]}, func(got Version) error {
			version, found = got, true
			return nil
		})
		return err
	})
	return version, found, err
}

// node is a version with what it names.
type node struct {
	id      events.ID
	parents []events.ID
}

// graph reads the versions of a record, ids descending: children before their parents.
func (v *view) graph(r events.Record) ([]node, error) {
	var graph []node
	err := v.each("SELECT id, parents FROM event WHERE record = (SELECT r.key FROM record r WHERE "+named+") AND "+inGraph+" ORDER BY id DESC",
		nameArgs(r), func(scan func(...any) error) error {
			var id, parents []byte
			if err := scan(&id, &parents); err != nil {
				return err
			}
			graph = append(graph, node{events.ID(id), splitParents(parents)})
			return nil
		})
	return graph, err
}

// latestShared walks from the heads to the root with, at each version, the set of
// heads that come from it. The first that all come from is the latest.
func latestShared(graph []node, heads map[events.ID]bool) (events.ID, bool) {
	words := (len(heads) + 63) / 64
	reached := make(map[events.ID][]uint64)
	next := 0
	for _, n := range graph {
		set := reached[n.id]
		delete(reached, n.id) // nothing later in the walk leads here
		if set == nil {
			set = make([]uint64, words)
		}
		if heads[n.id] {
			set[next/64] |= 1 << (next % 64)
			next++
		}
		if full(set, len(heads)) {
			return n.id, true
		}
		for i, p := range n.parents {
			switch have := reached[p]; {
			case have != nil:
				for w := range have {
					have[w] |= set[w]
				}
			case i == len(n.parents)-1:
				reached[p] = set
			default:
				reached[p] = slices.Clone(set)
			}
		}
	}
	return events.ID{}, false
}

func full(set []uint64, heads int) bool {
	for w, bits := range set {
		want := ^uint64(0)
		if left := heads - w*64; left < 64 {
			want = 1<<left - 1
		}
		if bits != want {
			return false
		}
	}
	return true
}

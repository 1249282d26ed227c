package web

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// candidates are the versions of a record between which a person chooses: the heads of a conflict, or those
// that were settled by the event which stands since, as long as nobody built on it.
type candidates struct {
	record   events.Record
	patient  string
	over     []events.ID // the heads that a choice is written over
	stands   int         // the place of the version that is shown everywhere; -1: none of them is
	versions []candidate
	ancestor *projections.Version // the latest that all build on; nil: there is none
	before   object               // what that says
	shared   map[string]json.RawMessage
}

type candidate struct {
	projections.Version
	content object // nil: a deletion, or it cannot be read
	members map[string]json.RawMessage
}

// candidatesOf are those of a state; ok is false where there is nothing to choose. undo is the event whose
// choice is made again; the zero one: a conflict is settled.
func (h *Handler) candidatesOf(ctx context.Context, state projections.State, undo events.ID) (c *candidates, ok bool, err error) {
	c = &candidates{record: state.Record, patient: state.Patient}
	for _, head := range state.Heads {
		c.over = append(c.over, head.Event.ID)
	}
	if undo == (events.ID{}) {
		if !state.Conflict {
			return nil, false, nil
		}
		shared, found, err := h.records.Ancestor(ctx, state.Record)
		if err != nil {
			return nil, false, err
		}
		c.take(state.Heads, shared, found)
		return c, true, nil
	}
	if len(state.Heads) != 1 || state.Heads[0].Event.ID != undo {
		return nil, false, nil // somebody built on it
	}
	history, err := h.records.History(ctx, state.Record)
	if err != nil {
		return nil, false, err
	}
	settled := settledBy(history, undo)
	if len(settled) == 0 {
		return nil, false, nil
	}
	shared, found := sharedAncestor(history, settled)
	c.take(settled, shared, found)
	c.stands = slices.IndexFunc(settled, func(v projections.Version) bool { return sameVersion(v, state.Heads[0]) })
	return c, true, nil
}

func (c *candidates) take(versions []projections.Version, ancestor projections.Version, found bool) {
	for _, v := range versions {
		c.versions = append(c.versions, candidate{v, readResource(v.Body), members(v.Body)})
	}
	if found {
		c.ancestor, c.before, c.shared = &ancestor, readResource(ancestor.Body), members(ancestor.Body)
	}
}

// settledBy are the versions between which an event chose: those that it names, or that the one names
// which it took the place of. None: it settled nothing.
func settledBy(history []projections.Version, event events.ID) (settled []projections.Version) {
	known := make(map[events.ID]projections.Version, len(history))
	for _, v := range history {
		known[v.Event.ID] = v
	}
	parents := []events.ID{event}
	for len(parents) == 1 {
		v, ok := known[parents[0]]
		if !ok {
			return nil
		}
		parents = v.Event.Parents
	}
	for _, id := range parents {
		if v, ok := known[id]; ok {
			settled = append(settled, v)
		}
	}
	return inOrderOfTheLog(settled)
}

// undoable is the event of a state whose choice can be made again: its one head settled a conflict, or chose again one of the
// versions that were settled; ok is false where there is none, or somebody built on it.
func undoable(state projections.State, history []projections.Version) (event events.ID, ok bool) {
	if len(state.Heads) != 1 {
		return event, false
	}
	head := state.Heads[0]
	settled := settledBy(history, head.Event.ID)
	says := func(v projections.Version) bool { return sameVersion(v, head) }
	return head.Event.ID, len(settled) > 0 && (len(head.Event.Parents) > 1 || slices.ContainsFunc(settled, says))
}

// inOrderOfTheLog puts versions as a conflict has them: what came first in the log first, what is queued or
// deletes after that.
func inOrderOfTheLog(versions []projections.Version) []projections.Version {
	last := ^uint64(0)
	place := func(v projections.Version) uint64 {
		if v.Sequence == 0 {
			return last
		}
		return v.Sequence
	}
	slices.SortStableFunc(versions, func(a, b projections.Version) int {
		if place(a) != place(b) {
			if place(a) < place(b) {
				return -1
			}
			return 1
		}
		return a.Event.ID.Compare(b.Event.ID)
	})
	if live := slices.IndexFunc(versions, func(v projections.Version) bool { return !v.Deleted() }); live > 0 {
		first := versions[live]
		versions = slices.Insert(slices.Delete(versions, live, live+1), 0, first)
	}
	return versions
}

// sharedAncestor is the latest version that all of some build on. History has children before their parents.
func sharedAncestor(history, of []projections.Version) (projections.Version, bool) {
	reached := make(map[events.ID]map[int]bool, len(history))
	for i, v := range of {
		reached[v.Event.ID] = map[int]bool{i: true}
	}
	for _, v := range history {
		from := reached[v.Event.ID]
		if len(from) == len(of) {
			return v, true
		}
		for _, parent := range v.Event.Parents {
			if reached[parent] == nil {
				reached[parent] = make(map[int]bool, len(from))
			}
			for i := range from {
				reached[parent][i] = true
			}
		}
	}
	return projections.Version{}, false
}

// sameVersion reports whether two versions say the same.
func sameVersion(a, b projections.Version) bool {
	if a.Deleted() || b.Deleted() {
		return a.Deleted() && b.Deleted()
	}
	return slices.Equal(a.Body, b.Body)
}

// place is that of a version among those to choose from.
func (c *candidates) place(id string) (int, error) {
	for i, v := range c.versions {
		if v.Event.ID.String() == id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s is none of the versions to choose from", id)
}

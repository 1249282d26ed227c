package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// previewed is what would stand after a choice of fields.
type previewed struct {
	From   []origin
	Fields []field
}

// origin is where a field comes from that was chosen.
type origin struct {
	field
	Proposed bool // as it was preselected: perhaps no person chose it
}

// previewFragment answers GET /fragments/conflicts/<Type>/<id>/preview with what would stand after the choice of ?take=, each
// <member>:<version> or <member>:union; ?undo= as for the page.
func (h *Handler) previewFragment(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	undo, err := undoOf(query)
	if err != nil {
		return err
	}
	take := make(map[string]string)
	for _, text := range query["take"] {
		member, version, _ := strings.Cut(text, ":")
		take[member] = version
	}
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	from, ok, err := h.candidatesOf(r.Context(), state, undo)
	if err != nil {
		return err
	}
	p := h.newPage(r)
	known := h.newNames(r, p.said)
	if !ok {
		return staleHeads(state, "the versions are others by now")
	}
	taken, err := from.taken(take)
	if err != nil {
		return err
	}
	body, err := from.merge(taken)
	if err != nil {
		return err
	}
	h.saw(r, record.String(), state.Patient)
	p.Preview = &previewed{Fields: known.fields(readResource(body))}
	for _, row := range p.said.perMember(p.said.comparedFields(from), from) {
		where, place := p.said.must("conflicts.fromAll"), taken[row.member]
		if place != union {
			where = p.said.must("conflicts.fromVersion", place+1)
		}
		proposed, ok := from.proposal(row.member)
		p.Preview.From = append(p.Preview.From, origin{field{row.Label, where}, ok && place == proposed})
	}
	return h.render(w, http.StatusOK, "preview", p)
}

// taken reads a choice of fields: by member the id of a version, or "union". Each member that differs must be chosen, and no other.
func (c *candidates) taken(take map[string]string) (map[string]int, error) {
	taken := make(map[string]int, len(take))
	for member, from := range take {
		if from == "union" {
			if c.items(member) == nil {
				return nil, badRequest(`"take": there is no union of %q`, member)
			}
			taken[member] = union
			continue
		}
		place, err := c.place(from)
		if err != nil {
			return nil, badRequest(`"take": %q: %v`, member, err)
		}
		if c.versions[place].Body == nil {
			return nil, badRequest(`"take": %q: version %s has no content`, member, from)
		}
		taken[member] = place
	}
	differ := c.differing()
	for _, member := range differ {
		if _, ok := taken[member]; !ok {
			return nil, badRequest(`"take" must choose %q, in which the versions differ`, member)
		}
	}
	for member := range taken {
		if !slices.Contains(differ, member) {
			return nil, badRequest(`"take": the versions do not differ in %q`, member)
		}
	}
	return taken, nil
}

// differing are the members in which the versions differ, as a comparison shows them.
func (c *candidates) differing() (members []string) {
	for _, list := range besideFirst(c) {
		for _, f := range list.fields {
			_, member, _ := fieldOf(f.Path)
			members = add(members, member)
		}
	}
	return members
}

// isOver reports whether a choice is written over just these versions, in any order.
func (c *candidates) isOver(heads []events.ID) bool {
	sorted := func(ids []events.ID) []events.ID {
		return slices.Compact(slices.SortedFunc(slices.Values(ids), events.ID.Compare))
	}
	return slices.Equal(sorted(c.over), sorted(heads))
}

// candidatesFor are the versions between which a choice is made: those of a conflict, or those that its one head settled.
func (h *Handler) candidatesFor(r *http.Request, record events.Record, c choice) (*candidates, error) {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return nil, err
	}
	isKept := func(v projections.Version) bool { return c.Keep != nil && v.Event.ID == *c.Keep }
	if slices.ContainsFunc(state.Heads, isKept) {
		return nil, badRequest(`"keep" must be one of "heads"`)
	}
	var undo events.ID
	if len(c.Heads) == 1 {
		undo = c.Heads[0]
	}
	from, ok, err := h.candidatesOf(r.Context(), state, undo)
	if err != nil {
		return nil, err
	}
	switch {
	case !ok && len(state.Heads) == 1 && state.Heads[0].Event.ID == undo:
		return nil, badRequest("%s settled no conflict, so there is nothing to choose again", undo)
	case !ok || !from.isOver(c.Heads):
		return nil, staleHeads(state, "the versions are others by now")
	}
	if c.Keep != nil {
		if _, err := from.place(c.Keep.String()); err != nil {
			return nil, badRequest(`"keep" must be one of "heads", or of the versions that it settled: %v`, err)
		}
	}
	return from, nil
}

package fhir

import (
	"bytes"
	"errors"
	"net/http"
	"slices"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// settlePatch applies a JSON Patch to the version that If-Match names, or to the one
// shown, as a client reads it: with what the server adds to its meta, so that a pointer
// into it means what it meant to who read it.
func (h *Handler) settlePatch(c *change, t target) (settled, error) {
	if t.record.ID == "" {
		return settled{}, notFound("no %s matches %q: there is nothing to patch", c.record.Type, c.criteria)
	}
	base, state, err := h.patchBase(c.Request, t.record)
	if err != nil {
		return settled{}, err
	}
	body, err := fhirjson.Patch(stamp(base, state.Conflict && base.Head), c.body)
	if err != nil {
		return settled{}, err
	}
	if bag := bagOf(c.Request); bag != nil {
		if body, err = bag.Read(bytes.NewReader(body)); err != nil {
			return settled{}, err
		}
	}
	head, err := headOf(body, t.record.Type)
	if err != nil {
		return settled{}, patched(err)
	}
	if head.ID != t.record.ID {
		p := problemf(http.StatusUnprocessableEntity, "value", "the patch makes the id %q: it must stay %q", head.ID, t.record.ID)
		p.path = t.record.Type + ".id"
		return settled{}, p
	}
	d, err := h.draft(c.Request, t.record, body)
	d.draft.Parents = []events.ID{base.Event.ID}
	return settled{target: t, drafted: d, writes: true, status: http.StatusOK}, patched(err)
}

// patched says of a fault in what a patch makes that it is the patch's: the JSON that
// was sent is sound.
func patched(err error) error {
	if err == nil {
		return nil
	}
	if p := problemOf(err); p.status == http.StatusBadRequest {
		return &problem{status: http.StatusUnprocessableEntity, code: p.code, text: "what the patch would make of it: " + p.text, path: p.path}
	}
	return err
}

// patchBase finds the version that a patch is for.
func (h *Handler) patchBase(r *http.Request, record events.Record) (projections.Version, projections.State, error) {
	match, err := parseCondition(r, "If-Match")
	if err != nil {
		return projections.Version{}, projections.State{}, err
	}
	state, err := h.records.Record(r.Context(), record)
	switch {
	case errors.Is(err, projections.ErrNotFound) && match.given:
		return projections.Version{}, state, problemf(http.StatusPreconditionFailed, "conflict", "If-Match names a version of %s, which does not exist here", record)
	case err != nil:
		return projections.Version{}, state, err
	}
	if err := h.unlessModified(r, state); err != nil {
		return projections.Version{}, state, err
	}
	base := state.Shown
	switch {
	case len(match.ids) > 1:
		return base, state, badRequest("value", "a patch is for one version, and If-Match names %d: settle the conflict with an update or $resolve", len(match.ids))
	case match.given && !match.any:
		i := slices.IndexFunc(state.Heads, func(v projections.Version) bool { return slices.Contains(match.ids, v.Event.ID) })
		if i < 0 {
			return base, state, staleProblem(&agent.StaleError{Record: record, Heads: headsOf(state)})
		}
		base = state.Heads[i]
	}
	switch {
	case base.Deleted():
		return base, state, deleted(record)
	case unreadable(base):
		return base, state, sealed(record, base)
	}
	return base, state, nil
}

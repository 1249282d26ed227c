package fhir

import (
	"net/http"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// conflicts answers $conflicts: every head, the shown one first, then the version that
// all of them descend from, and who wrote each. Entry.link says which is what; the
// Bundle itself carries the conflict's tag while there is one. A head that is a
// deletion, or that cannot be opened here, has its Provenance only.
func (h *Handler) conflicts(w http.ResponseWriter, r *http.Request, record events.Record) error {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	if err := another(r, record, state.Shown.Event.ID, headsOf(state)...); err != nil {
		return err
	}
	b := newBundle("collection", -1)
	b.link("self", base(r)+"/"+record.String()+"/$conflicts")
	if state.Conflict {
		b.meta = encode(map[string]any{"tag": []coding{{fhirjson.ConflictTag.System, fhirjson.ConflictTag.Code}}})
	}
	people := h.people(r.Context())
	for _, v := range state.Heads {
		b.addVersion(base(r), v, people.who(v.Event.Author), "head", state.Conflict)
	}
	if len(state.Heads) > 1 {
		ancestor, ok, err := h.records.Ancestor(r.Context(), record)
		if err != nil {
			return err
		}
		if ok {
			b.addVersion(base(r), ancestor, people.who(ancestor.Event.Author), "ancestor", false)
		}
	}
	setVersion(w, state.Shown)
	send(w, http.StatusOK, b.bytes())
	return nil
}

// addVersion adds a version and who wrote it. The version's own address is in the link,
// since FHIR forbids it as a fullUrl (bdl-8); meta.versionId tells the entries apart.
func (b *bundle) addVersion(base string, v projections.Version, author reference, relation string, conflict bool) {
	record := v.Event.Record
	links := []link{{relation, base + "/" + record.String() + "/_history/" + v.Event.ID.String()}}
	if !v.Deleted() && !unreadable(v) {
		b.add(entry{FullURL: base + "/" + record.String(), Link: links, Resource: stamp(v, conflict)})
	}
	b.add(entry{FullURL: base + "/Provenance/" + v.Event.ID.String(), Link: links, Resource: provenance(v, author)})
}

package fhir

import (
	"fmt"
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
	b := newBundle("collection", -1)
	b.link("self", base(r)+"/"+record.String()+"/$conflicts")
	if state.Conflict {
		b.meta = encode(map[string]any{"tag": []coding{{fhirjson.ConflictTag.System, fhirjson.ConflictTag.Code}}})
	}
	for _, v := range state.Heads {
		b.addVersion(r, record, v, "head", state.Conflict)
	}
	if len(state.Heads) > 1 {
		ancestor, ok, err := h.records.Ancestor(r.Context(), record)
		if err != nil {
			return err
		}
		if ok {
			b.addVersion(r, record, ancestor, "ancestor", false)
		}
	}
	setVersion(w, state.Shown)
	send(w, http.StatusOK, b.bytes())
	return nil
}

// addVersion adds a version and who wrote it. The version's own address is in the link,
// since FHIR forbids it as a fullUrl (bdl-8); meta.versionId tells the entries apart.
func (b *bundle) addVersion(r *http.Request, record events.Record, v projections.Version, relation string, conflict bool) {
	links := []link{{relation, versionURL(r, record, v.Event.ID)}}
	if !v.Deleted() && !unreadable(v) {
		b.add(entry{FullURL: base(r) + "/" + record.String(), Link: links, Resource: stamp(v, conflict)})
	}
	b.add(entry{FullURL: urn(v.Event.ID), Link: links, Resource: provenance(record, v)})
}

// urn names what cannot be read at an address of its own.
func urn(id events.ID) string {
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

type reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

type provenanceAgent struct {
	Type *concept  `json:"type,omitempty"`
	Who  reference `json:"who"`
}

type provenanceEntity struct {
	Role string    `json:"role"`
	What reference `json:"what"`
}

// provenance says who made a version, when by their own clock, and on what.
func provenance(record events.Record, v projections.Version) []byte {
	const participants = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	activity := "UPDATE"
	switch {
	case v.Deleted():
		activity = "DELETE"
	case len(v.Event.Parents) == 0:
		activity = "CREATE"
	}
	author := reference{Reference: "Practitioner/" + v.Event.Author}
	if v.Event.Author == "" {
		author = reference{Display: "not named"}
	}
	entities := []provenanceEntity{}
	for _, p := range v.Event.Parents {
		entities = append(entities, provenanceEntity{"revision", reference{Reference: record.String() + "/_history/" + p.String()}})
	}
	return encode(struct {
		ResourceType string             `json:"resourceType"`
		ID           string             `json:"id"`
		Target       []reference        `json:"target"`
		Recorded     string             `json:"recorded"`
		Activity     concept            `json:"activity"`
		Agent        []provenanceAgent  `json:"agent"`
		Entity       []provenanceEntity `json:"entity,omitempty"`
	}{
		ResourceType: "Provenance", ID: v.Event.ID.String(),
		Target:   []reference{{Reference: record.String() + "/_history/" + v.Event.ID.String()}},
		Recorded: v.Event.Time.Format(instant),
		Activity: concept{Coding: []coding{{"http://terminology.hl7.org/CodeSystem/v3-DataOperation", activity}}},
		Agent: []provenanceAgent{
			{Type: &concept{Coding: []coding{{participants, "author"}}}, Who: author},
			{Type: &concept{Coding: []coding{{participants, "assembler"}}}, Who: reference{Reference: "Device/" + v.Event.Device}},
		},
		Entity: entities,
	})
}

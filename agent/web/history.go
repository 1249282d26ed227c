package web

import (
	"net/http"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// pastVersion is a version in the history of a record.
type pastVersion struct {
	head
	Parents []events.ID `json:"parents"`
	Head    bool        `json:"head"` // no other version builds on it
}

// history answers GET /api/history/<Type>/<id>: every version there is, the newest first.
func (h *Handler) history(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	versions, err := h.records.History(r.Context(), record)
	if err != nil {
		return err
	}
	list := make([]pastVersion, len(versions))
	for i, v := range versions {
		parents := v.Event.Parents
		if parents == nil {
			parents = []events.ID{}
		}
		list[i] = pastVersion{head: newHead(v, true), Parents: parents, Head: v.Head}
	}
	h.saw(r, record.String(), state.Patient)
	return writeJSON(w, http.StatusOK, map[string]any{"type": record.Type, "id": record.ID, "patient": state.Patient, "versions": list})
}

// compareVersions answers GET /api/history/<Type>/<id>/compare?from=<event>&to=<event>: the
// fields in which two versions differ, "a" as it was in from and "b" as it is in to.
func (h *Handler) compareVersions(w http.ResponseWriter, r *http.Request) error {
	record, err := recordOf(r)
	if err != nil {
		return err
	}
	var bodies [2][]byte
	patient := ""
	for i, name := range []string{"from", "to"} {
		id, err := events.ParseID(r.URL.Query().Get(name))
		if err != nil {
			return badRequest("%q must be the id of a version: %v", name, err)
		}
		version, err := h.records.Version(r.Context(), record, id)
		if err != nil {
			return err
		}
		bodies[i], patient = version.Body, version.Event.Patient
	}
	h.saw(r, record.String(), patient)
	fields := fhirjson.Compare(nil, bodies[0], bodies[1])
	if fields == nil {
		fields = []fhirjson.Difference{}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"fields": fields})
}

package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// head is a version of a record, in the words of the API.
type head struct {
	Event    events.ID         `json:"event"`
	Author   string            `json:"author"`
	Device   string            `json:"device"`
	Time     time.Time         `json:"time"`             // by the clock of the device
	Stored   *time.Time        `json:"stored,omitempty"` // by the clock of the server; none while queued
	Sequence uint64            `json:"sequence"`         // 0 while queued
	Deleted  bool              `json:"deleted"`
	Doubt    projections.Doubt `json:"doubt,omitempty"`
	Content  json.RawMessage   `json:"content,omitempty"` // none in a deletion and in what cannot be read
}

func newHead(v projections.Version, withContent bool) head {
	h := head{
		Event: v.Event.ID, Author: v.Event.Author, Device: v.Event.Device, Time: v.Event.Time,
		Sequence: v.Sequence, Deleted: v.Deleted(), Doubt: v.Doubt,
	}
	if !v.Stored.IsZero() {
		h.Stored = &v.Stored
	}
	if withContent {
		h.Content = v.Body
	}
	return h
}

func newHeads(versions []projections.Version, withContent bool) []head {
	heads := make([]head, len(versions))
	for i, v := range versions {
		heads[i] = newHead(v, withContent)
	}
	return heads
}

// entry is a record of a dossier.
type entry struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Conflict bool   `json:"conflict"`
	// Heads begin with the version shown; only in a conflict there are more. All of them
	// carry their content: an allergy that stands on one side only must still be seen.
	Heads []head `json:"heads"`
}

// dossier answers GET /api/dossiers/<patient>: every record of the dossier that is not
// deleted, the Patient included, in one answer. A patient that is not here has none; "incomplete"
// says that there may be more than this desk could get.
func (h *Handler) dossier(w http.ResponseWriter, r *http.Request) error {
	patient := r.PathValue("patient")
	if err := events.ValidateID("patient", patient); err != nil {
		return badRequest("the path names no patient: %v", err)
	}
	incomplete := h.desk.Need(r.Context(), patient) != nil
	states, err := h.records.Dossier(r.Context(), patient)
	if err != nil {
		return err
	}
	records := make([]entry, 0, len(states))
	for _, s := range states {
		if s.Shown.Deleted() && !s.Conflict {
			continue
		}
		heads := []projections.Version{s.Shown}
		if s.Conflict {
			heads = s.Heads
		}
		records = append(records, entry{s.Record.Type, s.Record.ID, s.Conflict, newHeads(heads, true)})
	}
	h.saw(r, "Patient/"+patient, patient)
	return writeJSON(w, http.StatusOK, map[string]any{"patient": patient, "records": records, "incomplete": incomplete})
}

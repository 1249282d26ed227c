package web

import (
	"net/http"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
)

// device is a desk of the practice, as /api/devices lists it.
type device struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Active    bool   `json:"active"`
	RevokedAt uint64 `json:"revoked_at,omitempty"` // place in the log
	// Sequence is how far it has read, by its own signed word; 0: nothing was heard of it yet.
	Sequence uint64    `json:"sequence,omitempty"`
	Seen     time.Time `json:"seen,omitzero"` // when that was seen to move
}

// devices answers GET /api/devices.
func (h *Handler) devices(w http.ResponseWriter, r *http.Request) error {
	list, err := h.listDevices(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"devices": list})
}

func (h *Handler) listDevices(r *http.Request) ([]device, error) {
	list, err := h.records.Devices(r.Context())
	if err != nil {
		return nil, err
	}
	positions, err := h.desk.Positions(r.Context())
	if err != nil {
		return nil, err
	}
	stated := make(map[string]agent.DevicePosition, len(positions))
	for _, p := range positions {
		stated[p.Device] = p
	}
	out := make([]device, len(list))
	for i, d := range list {
		out[i] = device{ID: d.ID, Name: d.Name, Active: d.Active, RevokedAt: d.RevokedAt, Sequence: stated[d.ID].Sequence, Seen: stated[d.ID].Seen}
	}
	return out, nil
}

// revoke answers POST /api/devices/<id>/revoke: the desk's events count no more from
// here on. The answer has the key that the broker is to be told as well. With ?unknown=true it is
// a name that no certificate belongs to, whose events are waited for no more.
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := events.ValidateName("device", id); err != nil {
		return badRequest("%v", err)
	}
	if err := noBody(w, r); err != nil {
		return err
	}
	switch r.URL.Query().Get("unknown") {
	case "":
	case "true":
		written, err := h.desk.RevokeName(r.Context(), id, guard.Author(r))
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"device": id, "event": written.ID})
	default:
		return badRequest("unknown: say true, or leave it out")
	}
	login, written, err := h.desk.RevokeDevice(r.Context(), id, guard.Author(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"device": id, "event": written.ID, "login": login})
}

package web

import (
	"fmt"
	"net/http"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// maxPrefetch bounds an agenda, in bytes.
const maxPrefetch = agent.MaxPrefetch*128 + 1<<10

// prefetch answers POST /api/prefetch: {"patients": ["<id>", ...]}, today's agenda,
// whose dossiers are fetched in this order before the others. It answers at once with
// the status, where "prefetch" tells how far it is.
func (h *Handler) prefetch(w http.ResponseWriter, r *http.Request) error {
	var agenda struct {
		Patients []string `json:"patients"`
	}
	if err := readJSON(w, r, maxPrefetch, &agenda); err != nil {
		return err
	}
	if len(agenda.Patients) > agent.MaxPrefetch {
		return badRequest("%d patients: want at most %d", len(agenda.Patients), agent.MaxPrefetch)
	}
	for _, p := range agenda.Patients {
		if err := events.ValidateID("patient", p); err != nil {
			return badRequest("the agenda: %v", err)
		}
	}
	if err := h.desk.Prefetch(agenda.Patients); err != nil {
		return fmt.Errorf("fetch the agenda: %w", err)
	}
	return h.status(w, r)
}

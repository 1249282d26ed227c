package web

import (
	"net/http"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
)

// outbox answers GET /api/outbox: what waits, and what was set aside.
func (h *Handler) outbox(w http.ResponseWriter, r *http.Request) error {
	queued, err := h.desk.Outbox(r.Context())
	if err != nil {
		return err
	}
	if queued == nil {
		queued = []agent.Queued{}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"outbox": queued})
}

// retry answers POST /api/outbox/<event>/retry.
func (h *Handler) retry(w http.ResponseWriter, r *http.Request) error {
	id, err := eventOf(r)
	if err != nil {
		return err
	}
	if err := noBody(w, r); err != nil {
		return err
	}
	if err := h.desk.Retry(r.Context(), id); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"event": id})
}

// maxReason bounds a reason, in bytes.
const maxReason = 2000

// reasonOf is the reason that somebody gives for what cannot be undone.
func reasonOf(text string) (string, error) {
	reason := strings.TrimSpace(text)
	if reason == "" || len(reason) > maxReason {
		return "", badRequest("%q must say why, in at most %d bytes", "reason", maxReason)
	}
	return reason, nil
}

// discard answers POST /api/outbox/<event>/discard with {"reason": …}. Somebody must
// answer for it, so there is no discard without a reason.
func (h *Handler) discard(w http.ResponseWriter, r *http.Request) error {
	id, err := eventOf(r)
	if err != nil {
		return err
	}
	var why struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(w, r, 16<<10, &why); err != nil {
		return err
	}
	reason, err := reasonOf(why.Reason)
	if err != nil {
		return err
	}
	if err := h.desk.Discard(r.Context(), id, guard.Author(r), reason); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"event": id})
}

func eventOf(r *http.Request) (events.ID, error) {
	id, err := events.ParseID(r.PathValue("event"))
	if err != nil {
		return id, badRequest("the path names no event: %v", err)
	}
	return id, nil
}

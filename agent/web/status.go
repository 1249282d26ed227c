package web

import (
	"context"
	"net/http"
	"time"

	"github.com/carelog/carelog/agent"
)

// maxProof bounds how long a status waits for its proof.
const maxProof = time.Minute

// status answers GET /api/status. With ?prove=<duration> the server is asked first,
// and the answer waits for at most so long until the light is green by what it says:
// without it, it is at most some seconds old.
func (h *Handler) status(w http.ResponseWriter, r *http.Request) error {
	if text := r.URL.Query().Get("prove"); text != "" {
		patience, err := time.ParseDuration(text)
		if err != nil || patience <= 0 || patience > maxProof {
			return badRequest("prove=%s: want a duration of at most %v, such as 1s", text, maxProof)
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		_ = h.desk.Prove(ctx) // where there is none, the status says why
	}
	status, err := h.deskStatus(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, status)
}

// deskStatus is the status of the desk, with what the desk itself does not know.
func (h *Handler) deskStatus(ctx context.Context) (agent.Status, error) {
	status, err := h.desk.Status(ctx)
	if err == nil && h.sumehrs != nil {
		status.SumehrBehind = h.sumehrs.Behind()
	}
	status.Hub = h.hubStatus()
	return status, err
}

// offline answers POST /api/offline: work offline by choice.
func (h *Handler) offline(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	if err := h.desk.WorkOffline(r.Context()); err != nil {
		return err
	}
	return h.status(w, r)
}

// online answers POST /api/online.
func (h *Handler) online(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	if err := h.desk.WorkOnline(r.Context()); err != nil {
		return err
	}
	return h.status(w, r)
}

// synchronisations answers GET /api/synchronisations: the last ones, the newest first.
func (h *Handler) synchronisations(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{"synchronisations": h.desk.Past()})
}

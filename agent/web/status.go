package web

import "net/http"

// status answers GET /api/status.
func (h *Handler) status(w http.ResponseWriter, r *http.Request) error {
	status, err := h.desk.Status(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, status)
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

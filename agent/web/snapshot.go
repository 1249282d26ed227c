package web

import "net/http"

// snapshots answers GET /api/snapshot: those in the practice's object store; with check=true
// after each of them was read whole.
func (h *Handler) snapshots(w http.ResponseWriter, r *http.Request) error {
	look := h.desk.Snapshots
	if r.URL.Query().Get("check") == "true" {
		look = h.desk.CheckSnapshots
	}
	list, err := look(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"snapshots": list})
}

// makeSnapshot answers POST /api/snapshot: it makes one, and waits for it.
func (h *Handler) makeSnapshot(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	made, err := h.desk.MakeSnapshot(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, made)
}

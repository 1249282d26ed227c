package web

import (
	"cmp"
	"net/http"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
)

// acknowledge answers POST /api/warnings/<code>/acknowledge with {"fact": …, "reason": …}: somebody has seen the warning of that
// fact, as /api/status gives it, and answers for it.
func (h *Handler) acknowledge(w http.ResponseWriter, r *http.Request) error {
	var of struct {
		Fact   string `json:"fact"`
		Reason string `json:"reason"`
	}
	if err := readJSON(w, r, 16<<10, &of); err != nil {
		return err
	}
	reason, err := reasonOf(of.Reason)
	if err != nil {
		return err
	}
	written, err := h.desk.Acknowledge(r.Context(), r.PathValue("code"), of.Fact, guard.Author(r), reason)
	if err != nil {
		return cmp.Or(answered(err, toAcknowledging), err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"event": written.ID})
}

var toAcknowledging = []answerTo{
	{agent.ErrNoWarning, http.StatusNotFound, "not-found"},
	{agent.ErrOtherFact, http.StatusConflict, "stale"},
	{agent.ErrNotLasting, http.StatusUnprocessableEntity, "not-lasting"},
	{agent.ErrNobodyAnswers, http.StatusBadRequest, "bad-request"},
}

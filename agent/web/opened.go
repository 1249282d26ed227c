package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
)

// openedAnswer is what is open, here and at the other desks: to be shown, and not to be relied upon.
type openedAnswer struct {
	Open   []agent.Opened `json:"open"`
	Author *string        `json:"author,omitempty"` // who asks, by which a page knows its own
}

func (h *Handler) openNow() openedAnswer {
	return openedAnswer{Open: append(h.desk.OpenHere(), h.desk.OpenElsewhere()...)}
}

// opened answers GET /api/open: the dossiers that are open at this desk and the others.
func (h *Handler) opened(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, h.openNow())
}

// open answers POST /api/open with {"page":…,"patient":…,"seconds":n}: that page has the dossier
// open in the user's name, for so long unless it says so again; an empty patient: no longer.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) error {
	var said struct {
		Page    string `json:"page"`
		Patient string `json:"patient"`
		Seconds int    `json:"seconds"`
	}
	if err := readJSON(w, r, 1<<10, &said); err != nil {
		return err
	}
	if err := events.ValidateID("page", said.Page); err != nil {
		return badRequest("%v", err)
	}
	lasts := time.Duration(said.Seconds) * time.Second
	if said.Patient != "" {
		if err := events.ValidateID("patient", said.Patient); err != nil {
			return badRequest("%v", err)
		}
		if said.Seconds < 1 || lasts > agent.MaxOpenFor {
			return badRequest("%d seconds: want 1 to %d", said.Seconds, int(agent.MaxOpenFor.Seconds()))
		}
	}
	author := practitioner(r)
	err := h.desk.OpenDossier(said.Page, said.Patient, author, lasts)
	if errors.Is(err, agent.ErrTooManyPages) {
		return &apiError{http.StatusTooManyRequests, "too-many", err.Error(), nil}
	}
	if err != nil {
		return err
	}
	answer := h.openNow()
	answer.Author = &author
	return writeJSON(w, http.StatusOK, answer)
}

// practitioner is who asks; empty where the name is no Practitioner's.
func practitioner(r *http.Request) string {
	author := guard.Author(r)
	if events.ValidateID("author", author) != nil {
		return ""
	}
	return author
}

package web

import (
	"cmp"
	"context"
	"net/http"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// Intake takes Sumehrs into dossiers; see intake.Dossiers.
type Intake interface {
	Plan(ctx context.Context, patient, answers string, message *kmehr.Element) (intake.Taking, error)
	Take(ctx context.Context, patient, answers, author string, message *kmehr.Element) (intake.Taking, error)
}

// takingAnswer is what the newest Sumehr on the hub brings to a dossier, or has brought.
type takingAnswer struct {
	URI    string `json:"uri"`
	Author string `json:"author"` // number at the national health insurance
	intake.Taking
}

// takingIn answers GET /api/sumehr/<patient>/take-in: what it would bring to the dossier to take
// the newest Sumehr on the hub in.
func (h *Handler) takingIn(w http.ResponseWriter, r *http.Request) error {
	return h.takeFromHub(w, r, "", func(ctx context.Context, patient, answers string, message *kmehr.Element) (intake.Taking, error) {
		return h.intake.Plan(ctx, patient, answers, message)
	})
}

// takeIn answers POST /api/sumehr/<patient>/take-in: the newest Sumehr on the hub, which must be the one
// that uri names, is taken into the dossier in the name of who asks.
func (h *Handler) takeIn(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		URI string `json:"uri"`
	}
	if err := readJSON(w, r, 1<<10, &asked); err != nil {
		return err
	}
	if asked.URI == "" {
		return badRequest("uri is missing: name the Sumehr that is to be taken in, as the hub does")
	}
	return h.takeFromHub(w, r, asked.URI, func(ctx context.Context, patient, answers string, message *kmehr.Element) (intake.Taking, error) {
		return h.intake.Take(ctx, patient, answers, guard.Author(r), message)
	})
}

// takeFromHub fetches the newest Sumehr of a patient from the hub, and does something with it. seen is the one
// that the user had before them; empty: they have none yet.
func (h *Handler) takeFromHub(w http.ResponseWriter, r *http.Request, seen string, do func(ctx context.Context, patient, answers string, message *kmehr.Element) (intake.Taking, error)) error {
	if h.publisher == nil || h.intake == nil {
		return errNoHub
	}
	patient, err := h.patientOf(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubPatience)
	defer cancel()
	for _, dossier := range []string{patient, ""} { // or who made it would be made a second time
		if err := h.desk.Need(ctx, dossier); err != nil {
			return explainTaking(err)
		}
	}
	answers, err := h.physician(r)
	if err != nil {
		return err
	}
	list, newest, err := h.publisher.Look(ctx, patient)
	switch {
	case err != nil:
		return explainHub(err)
	case newest == nil:
		return notFound("the hub holds no Sumehr of this patient")
	case seen != "" && seen != list[0].URI:
		return &apiError{http.StatusConflict, "moved", "the hub holds another Sumehr by now: look at it again, and choose", nil}
	}
	h.saw(r, "Patient/"+patient, patient)
	taking, err := do(ctx, patient, answers, newest)
	if err != nil {
		return explainTaking(err)
	}
	return writeJSON(w, http.StatusOK, takingAnswer{list[0].URI, list[0].Author, taking})
}

var toTaking = []answerTo{
	{resources.ErrOwn, http.StatusConflict, "own"},
	{intake.ErrOtherPatient, http.StatusConflict, "other-patient"},
	{resources.ErrNotSumehr, http.StatusBadGateway, "hub"},
	{agent.ErrIncomplete, http.StatusServiceUnavailable, "incomplete"},
	{sumehr.ErrConfidential, http.StatusUnprocessableEntity, "confidential"},
}

// explainTaking finds the answer for what keeps a Sumehr out of a dossier; other errors stay.
func explainTaking(err error) error { return cmp.Or(answered(err, toTaking), err) }

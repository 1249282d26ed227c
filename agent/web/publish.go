package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/readable"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// hubPatience is how long a person waits for the hub.
const hubPatience = 25 * time.Second

// standingAnswer is how a patient stands: a row of the table, and what the privacy page shows.
type standingAnswer struct {
	behindRow
	Wish      stand         `json:"wish"`
	Refused   bool          `json:"refused"`
	Consent   stand         `json:"consent"`
	Relation  relation      `json:"relation"`
	Hub       *publication  `json:"hub"`       // the last publication; null: there was none
	Publisher publisherHere `json:"publisher"` // at this desk
}

type stand struct {
	Holds   bool      `json:"holds"`
	Since   time.Time `json:"since,omitzero"`
	Records []string  `json:"records"`
}

type relation struct {
	stand
	Ours bool `json:"ours"` // the practice keeps the global medical file
}

type publication struct {
	onHub
	Revoked bool `json:"revoked"`
}

type publisherHere struct {
	SetUp   bool `json:"set_up"`
	Session bool `json:"session"` // of the author
}

// standing answers GET /api/sumehr/<patient>/standing: how the patient's Sumehr stands, whether
// it is wished or not.
func (h *Handler) standing(w http.ResponseWriter, r *http.Request) error {
	row, err := h.standingOf(r)
	if err != nil {
		return err
	}
	a := standingAnswer{
		behindRow: newBehindRow(row, r.URL.Query().Get("language")), Refused: row.Refused,
		Wish: newStand(row.Wish), Consent: newStand(row.Consent), Relation: relation{newStand(row.Relation), row.Ours},
		Publisher: publisherHere{h.publisher != nil, row.Session},
	}
	if p := row.Published; p != nil {
		a.Hub = &publication{*newOnHub(p), p.Revoked}
	}
	return writeJSON(w, http.StatusOK, a)
}

// standingOf is how the patient that a path names stands.
func (h *Handler) standingOf(r *http.Request) (behind.Row, error) {
	if h.sumehrs == nil {
		return behind.Row{}, notFound("this desk keeps no table of Sumehrs")
	}
	patient, err := h.patientOf(r)
	if err != nil {
		return behind.Row{}, err
	}
	return h.sumehrs.One(r.Context(), patient)
}

func newStand(s standing.Stand) stand {
	return stand{s.Holds, s.Since, append([]string{}, s.Records...)}
}

// patientOf reads the patient that a path names, of whom there must be a record.
func (h *Handler) patientOf(r *http.Request) (string, error) {
	patient := r.PathValue("patient")
	if err := events.ValidateID("patient", patient); err != nil {
		return "", badRequest("the path names no patient: %v", err)
	}
	_, err := h.records.Record(r.Context(), events.Record{Type: "Patient", ID: patient})
	if errors.Is(err, projections.ErrNotFound) {
		return "", notFound("there is no patient %s here", patient)
	}
	return patient, err
}

// publish answers POST /api/sumehr/<patient>/publish: it is tried now. With over, the hub's
// name of a Sumehr that is not ours, ours is put in its place.
func (h *Handler) publish(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Over string `json:"over"`
	}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, 1<<10, &asked); err != nil {
			return err
		}
	}
	return h.withHub(w, r, trail.HubPublish, func(ctx context.Context, patient, by string) error {
		return h.publisher.Publish(ctx, patient, asked.Over, by)
	})
}

// revokeSumehr answers POST /api/sumehr/<patient>/revoke: what the hub holds of ours is taken
// from there.
func (h *Handler) revokeSumehr(w http.ResponseWriter, r *http.Request) error {
	if err := noBody(w, r); err != nil {
		return err
	}
	return h.withHub(w, r, trail.HubRevoke, func(ctx context.Context, patient, by string) error {
		return h.publisher.Revoke(ctx, patient, by)
	})
}

// withHub does something with the hub for a patient in the name of who asks, and answers how the
// patient stands then. It is in the trail before it is done: the hub may do it and not say so.
func (h *Handler) withHub(w http.ResponseWriter, r *http.Request, did trail.Did, do func(ctx context.Context, patient, by string) error) error {
	if h.publisher == nil {
		return errNoHub
	}
	patient, err := h.patientOf(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubPatience)
	defer cancel()
	h.keep(r, did, "Patient/"+patient, patient)
	if err := do(ctx, patient, practitioner(r)); err != nil {
		return explainHub(err)
	}
	return h.standing(w, r)
}

// lookAnswer is what the hub holds of a patient.
type lookAnswer struct {
	Holds  []publish.Held `json:"holds"`  // the newest first
	Sumehr *readable.Page `json:"sumehr"` // the newest; null: there is none
}

// lookAtHub answers GET /api/sumehr/<patient>/hub: what the hub holds now; with ?format=xml
// the newest message itself.
func (h *Handler) lookAtHub(w http.ResponseWriter, r *http.Request) error {
	if h.publisher == nil {
		return errNoHub
	}
	patient, err := h.patientOf(r)
	if err != nil {
		return err
	}
	asXML, err := wantsXML(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubPatience)
	defer cancel()
	list, newest, err := h.publisher.Look(ctx, patient)
	if err != nil {
		return explainHub(err)
	}
	h.saw(r, "Patient/"+patient, patient)
	switch {
	case asXML && newest == nil:
		return notFound("the hub holds no Sumehr of this patient")
	case asXML:
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		_, _ = w.Write(kmehr.Write(newest)) // a caller that went away misses nothing
		return nil
	}
	answer := lookAnswer{Holds: append([]publish.Held{}, list...)}
	if newest != nil {
		page := readable.Of(newest, r.URL.Query().Get("language"))
		answer.Sumehr = &page
	}
	return writeJSON(w, http.StatusOK, answer)
}

var errNoHub = &apiError{http.StatusServiceUnavailable, "no-hub", "no hub is set up at this desk: start it with --hub", nil}

var toHub = []answerTo{
	{publish.ErrWished, http.StatusConflict, "wished"},
	{publish.ErrNotWished, http.StatusConflict, "not-wished"},
	{publish.ErrNothing, http.StatusConflict, "nothing"},
	{publish.ErrMoved, http.StatusConflict, "moved"},
	{sumehr.ErrNoPatient, http.StatusNotFound, "not-found"},
	{hub.ErrNoSession, http.StatusServiceUnavailable, "no-session"},
	{hub.ErrUnreachable, http.StatusServiceUnavailable, "unreachable"},
	{hub.ErrUnknown, http.StatusServiceUnavailable, "unreachable"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "not-level"},
}

// explainHub finds the answer for an error of the publisher or the hub; those of the desk stay.
func explainHub(err error) error {
	if answer := answered(err, toHub); answer != nil {
		return answer
	}
	var refused *hub.AnswerError
	var fault *hub.FaultError
	if errors.As(err, &refused) || errors.As(err, &fault) {
		return &apiError{http.StatusBadGateway, "hub", err.Error(), nil}
	}
	return err
}

package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/readable"
)

// sumehrAnswer is what /api/sumehr/<patient> says in JSON.
type sumehrAnswer struct {
	Patient string        `json:"patient"`
	Digest  events.Digest `json:"digest"` // of what it says of the patient
	Sumehr  readable.Page `json:"sumehr"`
	// Publishable says that no finding is an error and no record in it is in conflict.
	Publishable bool            `json:"publishable"`
	Findings    []sumehrFinding `json:"findings"`
	Conflicts   []string        `json:"conflicts"`  // records in it of which the versions are not settled
	Incomplete  bool            `json:"incomplete"` // there may be more than this desk could get
}

type sumehrFinding struct {
	check.Finding
	Severity check.Severity `json:"severity"`
	Text     string         `json:"text"`
}

// sumehr answers GET /api/sumehr/<patient>: the Sumehr that the dossier makes now, in the name
// of who asks, to be read; with ?format=xml, or where XML is asked for, the message itself.
// ?language= is that of headings and findings.
func (h *Handler) sumehr(w http.ResponseWriter, r *http.Request) error {
	patient := r.PathValue("patient")
	if err := events.ValidateID("patient", patient); err != nil {
		return badRequest("the path names no patient: %v", err)
	}
	asXML, err := wantsXML(r)
	if err != nil {
		return err
	}
	incomplete := h.desk.Need(r.Context(), patient) != nil
	author, err := h.physician(r)
	if err != nil {
		return err
	}
	in := sumehr.Input{Patient: patient, Author: author, At: time.Now().Truncate(time.Millisecond), Software: "carelog"}
	if in.Records, _, err = behind.Gather(r.Context(), h.records, patient, author); err != nil {
		return err
	}
	s, err := sumehr.Build(in)
	switch {
	case errors.Is(err, sumehr.ErrNoPatient):
		return notFound("there is no patient %s here", patient)
	case errors.Is(err, sumehr.ErrConfidential):
		return &apiError{http.StatusUnprocessableEntity, "confidential", err.Error(), nil}
	case err != nil:
		return err
	}
	h.saw(r, "Patient/"+patient, patient)
	if asXML {
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		_, _ = w.Write(s.XML()) // a caller that went away misses nothing
		return nil
	}
	return writeJSON(w, http.StatusOK, newSumehrAnswer(patient, s, r.URL.Query().Get("language"), incomplete))
}

func newSumehrAnswer(patient string, s *sumehr.Summary, language string, incomplete bool) sumehrAnswer {
	a := sumehrAnswer{
		Patient: patient, Digest: sumehr.Digest(s.Message), Sumehr: readable.Of(s.Message, language), Incomplete: incomplete,
		Publishable: len(check.Errors(s.Findings)) == 0 && len(s.Conflicts) == 0 && !incomplete,
		Findings:    make([]sumehrFinding, len(s.Findings)), Conflicts: make([]string, len(s.Conflicts)),
	}
	for i, f := range s.Findings {
		a.Findings[i] = sumehrFinding{f, f.Severity(), f.Text(language)}
	}
	for i, record := range s.Conflicts {
		a.Conflicts[i] = record.String()
	}
	return a
}

// wantsXML reads in which form the Sumehr is asked for: JSON, unless XML is.
func wantsXML(r *http.Request) (bool, error) {
	switch format := r.URL.Query().Get("format"); format {
	case "xml":
		return true, nil
	case "json":
		return false, nil
	case "":
		accept := r.Header.Get("Accept")
		return strings.Contains(accept, "application/xml") && !strings.Contains(accept, "html"), nil
	default:
		return false, badRequest("format=%.20q: want json or xml", format)
	}
}

// physician is who asks, where that is a Practitioner of the practice; else nobody, and the
// patient's own general practitioner answers for the Sumehr.
func (h *Handler) physician(r *http.Request) (id string, err error) {
	author := guard.Author(r)
	record := events.Record{Type: "Practitioner", ID: author}
	if author == "" || record.Validate() != nil {
		return "", nil
	}
	_, err = h.records.Record(r.Context(), record)
	if errors.Is(err, projections.ErrNotFound) {
		return "", nil
	}
	return author, err
}

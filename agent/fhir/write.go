package fhir

import (
	"errors"
	"net/http"
	"slices"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// create registers a new record under an id of ours; one in the body is ignored.
func (h *Handler) create(w http.ResponseWriter, r *http.Request, record events.Record) error {
	if r.Header.Get("If-None-Exist") != "" {
		return badRequest("not-supported", "conditional create is not supported: search first, then create")
	}
	body, err := resourceBody(w, r)
	if err != nil {
		return err
	}
	if _, err := headOf(body, record.Type); err != nil {
		return err
	}
	record.ID = newID()
	d, err := h.draft(r, record, body)
	if err != nil {
		return err
	}
	d.Create = true
	written, err := h.desk.Write(r.Context(), d)
	if err != nil {
		return err
	}
	return h.wrote(w, r, record, written, http.StatusCreated)
}

// update writes a new version. Without If-Match it extends the version shown; a record
// that is not there yet is created under the id of the URL.
func (h *Handler) update(w http.ResponseWriter, r *http.Request, record events.Record) error {
	body, err := resourceBody(w, r)
	if err != nil {
		return err
	}
	head, err := headOf(body, record.Type)
	if err != nil {
		return err
	}
	if head.ID != record.ID {
		p := badRequest("value", "the id in the body is %q: it must be that of the URL, %q", head.ID, record.ID)
		p.path = record.Type + ".id"
		return p
	}
	d, err := h.draft(r, record, body)
	if err != nil {
		return err
	}
	unless, err := parseCondition(r, "If-None-Match")
	if err != nil {
		return err
	}
	if unless.given && !unless.any {
		return badRequest("not-supported", "with an update, If-None-Match can only be *: the record must not exist yet")
	}
	d.Create = unless.any
	state, err := h.parents(r, &d, h.desk.Need(r.Context(), d.Patient) == nil)
	if err != nil {
		return err
	}
	written, err := h.desk.Write(r.Context(), d)
	if err != nil {
		return precondition(err, d)
	}
	status := http.StatusOK
	if state == nil || state.Shown.Deleted() {
		status = http.StatusCreated
	}
	return h.wrote(w, r, record, written, status)
}

// delete writes a deletion. To delete what is not there is no error.
func (h *Handler) delete(w http.ResponseWriter, r *http.Request, record events.Record) error {
	d := agent.Draft{Record: record, Author: h.author(r), Delete: true}
	state, err := h.parents(r, &d, false)
	if err != nil {
		return err
	}
	if state == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if state.Shown.Deleted() && (len(d.Parents) == 0 || slices.Equal(d.Parents, []events.ID{state.Shown.Event.ID})) {
		setVersion(w, state.Shown)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	d.Patient = state.Patient
	written, err := h.desk.Write(r.Context(), d)
	switch {
	case errors.Is(err, agent.ErrGone): // somebody was faster
	case err != nil:
		return precondition(err, d)
	default:
		h.setWritten(w, r, record, written)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// headOf checks the JSON and that it is a resource of the type of the URL.
func headOf(body []byte, typ string) (fhirjson.Head, error) {
	head, err := fhirjson.Check(body)
	if err != nil {
		return head, err
	}
	if head.ResourceType != typ {
		p := badRequest("value", "the body is a %s: it must be of the type of the URL, %s", head.ResourceType, typ)
		p.path = "resourceType"
		return head, p
	}
	return head, nil
}

// draft makes of a body what the desk writes: it is what will be kept that must be FHIR.
func (h *Handler) draft(r *http.Request, record events.Record, body []byte) (agent.Draft, error) {
	kept, err := fhirjson.Prepare(body, record.ID)
	if err != nil {
		return agent.Draft{}, err
	}
	if err := structure.Check(kept); err != nil {
		return agent.Draft{}, err
	}
	patient, err := fhirjson.PatientOf(kept)
	if err != nil {
		return agent.Draft{}, invalid(err)
	}
	return agent.Draft{Record: record, Patient: patient, Author: h.author(r), Body: kept, Content: contentOf(r)}, nil
}

// invalid says that a body was understood and still cannot be kept.
func invalid(err error) error {
	p := problemOf(err)
	p.status, p.code = http.StatusUnprocessableEntity, "value"
	return p
}

// parents reads If-Match into the draft. It returns the record as it stands, or nil
// where there is none; the desk decides under its own lock whether the versions named
// are heads still. whole says that the record's dossier is certainly here: otherwise
// what is not found may exist, and cannot be taken for missing.
func (h *Handler) parents(r *http.Request, d *agent.Draft, whole bool) (*projections.State, error) {
	match, err := parseCondition(r, "If-Match")
	if err != nil {
		return nil, err
	}
	state, err := h.records.Record(r.Context(), d.Record)
	missing := errors.Is(err, agent.ErrIncomplete) && !whole
	switch {
	case missing && match.given:
		return nil, problemf(http.StatusPreconditionFailed, "incomplete", "If-Match names a version of %s: %v", d.Record, agent.ErrIncomplete)
	case missing && d.Delete:
		return nil, err
	case errors.Is(err, projections.ErrNotFound) && match.given:
		return nil, problemf(http.StatusPreconditionFailed, "conflict", "If-Match names a version of %s, which does not exist here", d.Record)
	case errors.Is(err, projections.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case match.alien, match.any && state.Shown.Deleted():
		return nil, staleProblem(&agent.StaleError{Record: d.Record, Heads: headsOf(state)})
	}
	d.Parents = match.ids
	return &state, nil
}

func headsOf(state projections.State) []events.ID {
	ids := make([]events.ID, len(state.Heads))
	for i, v := range state.Heads {
		ids[i] = v.Event.ID
	}
	return ids
}

// precondition is 412 where the caller named versions of what is not there.
func precondition(err error, d agent.Draft) error {
	if errors.Is(err, agent.ErrNotFound) && len(d.Parents) > 0 {
		return problemf(http.StatusPreconditionFailed, "conflict", "%v", err)
	}
	return err
}

// setWritten names in the header what was written, and returns it with the record as
// it stands now. Both are nil where they cannot be read back: the write stands.
func (h *Handler) setWritten(w http.ResponseWriter, r *http.Request, record events.Record, written agent.Written) (*projections.Version, *projections.State) {
	w.Header().Set("ETag", etag(written.ID))
	if written.Queued() {
		w.Header().Set(QueuedHeader, "true")
	}
	v, err := h.records.Version(r.Context(), record, written.ID)
	if err == nil {
		var state projections.State
		if state, err = h.records.Record(r.Context(), record); err == nil {
			setVersion(w, v)
			return &v, &state
		}
	}
	h.log.Error("a write is not read back", "record", record, "event", written.ID, "err", err)
	return nil, nil
}

// wrote answers to a write, with what the caller prefers to see of it.
func (h *Handler) wrote(w http.ResponseWriter, r *http.Request, record events.Record, written agent.Written, status int) error {
	v, state := h.setWritten(w, r, record, written)
	w.Header().Set("Location", versionURL(r, record, written.ID))
	var doubts []structure.Issue
	if v != nil {
		doubts = structure.Warnings(v.Body)
	}
	for _, d := range doubts {
		w.Header().Add(WarningHeader, d.String())
	}
	prefer := preference(r, "return")
	switch {
	case prefer == "OperationOutcome":
		issues := []issue{{Severity: "information", Code: "informational", Diagnostics: "written as version " + written.ID.String() + " of " + record.String()}}
		send(w, status, outcome(append(issues, issuesOf("warning", doubts)...)...))
	case prefer == "minimal" || v == nil || v.Body == nil:
		w.WriteHeader(status)
	default:
		send(w, status, stamp(*v, state.Conflict && v.Head))
	}
	return nil
}

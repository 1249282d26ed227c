package fhir

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/letters"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

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
func (h *Handler) draft(r *http.Request, record events.Record, body []byte) (drafted, error) {
	if record.Type == "Subscription" {
		return drafted{}, problemf(http.StatusUnprocessableEntity, "not-supported",
			"nobody is called back here, and a Subscription that is kept would seem to be one that works: follow %s/%s, or ask _history?_since", Root, eventsStep)
	}
	kept, err := fhirjson.Prepare(body, record.ID)
	if err != nil {
		return drafted{}, err
	}
	content := contentOf(r)
	check := structure.Check
	if content != nil {
		check = structure.CheckApart
	}
	if err := check(kept); err != nil {
		return drafted{}, err
	}
	patient, err := fhirjson.PatientOf(kept, structure.IsType)
	if err != nil {
		return drafted{}, invalid(err)
	}
	return h.apart(r, agent.Draft{Record: record, Patient: patient, Author: h.author(r), Body: kept, Content: content})
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
	since, err := unmodifiedSince(r)
	if err != nil {
		return nil, err
	}
	state, err := h.records.Record(r.Context(), d.Record)
	missing := errors.Is(err, agent.ErrIncomplete) && !whole
	switch {
	case missing && match.given:
		return nil, problemf(http.StatusPreconditionFailed, "incomplete", "If-Match names a version of %s: %v", d.Record, agent.ErrIncomplete)
	case missing && !since.IsZero():
		return nil, problemf(http.StatusPreconditionFailed, "incomplete", "whether %s was changed since %s: %v", d.Record, since.Format(http.TimeFormat), agent.ErrIncomplete)
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
	return &state, h.unlessModified(r, state)
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

// done is a change that was made, and its version as it stands now.
type done struct {
	agent.Written
	version *projections.Listed // nil: it could not be read back; the change stands
}

// known is a change of which nothing has to be read back: the first version of a record is
// what was given, and in no conflict. Of a Binary the desk keeps something else.
func known(d agent.Draft, w agent.Written) (made done, ok bool) {
	if !d.Create || w.Arrived.IsZero() || d.Record.Type == binaryType {
		return made, false
	}
	v := projections.Version{Event: &events.Event{ID: w.ID, Record: d.Record, Patient: d.Patient}, Arrived: w.Arrived, Body: d.Body, Head: true}
	return done{Written: w, version: &projections.Listed{Version: v}}, true
}

// errNotShown is why a write that was taken in is not found: the desk does not show it yet.
var errNotShown = errors.New("it is taken in, and the desk could not show it: its status says why")

// readBack reads the versions of changes that were just made, all at once: each by itself
// costs a transaction more time than their writing.
func (h *Handler) readBack(ctx context.Context, written ...agent.Written) []done {
	list, names := make([]done, len(written)), make([]projections.Named, len(written))
	for i, w := range written {
		list[i].Written, names[i].Version = w, w.ID
	}
	found, err := h.records.Listed(ctx, names)
	byID := make(map[events.ID]*projections.Listed, len(found))
	for i := range found {
		byID[found[i].Event.ID] = &found[i]
	}
	for i := range list {
		if list[i].version = byID[list[i].ID]; list[i].version == nil {
			h.log.Error("a write is not read back", "event", list[i].ID, "err", cmp.Or(err, errNotShown))
		}
	}
	return list
}

// setDone names in the header what was written.
func setDone(w http.ResponseWriter, made done) {
	w.Header().Set("ETag", etag(made.ID))
	if made.Queued() {
		w.Header().Set(QueuedHeader, "true")
	}
	if made.version != nil {
		setVersion(w, made.version.Version)
	}
}

// wrote answers to a write, with what the caller prefers to see of it. Who sent less than
// all of it, such as a patch, looks at the rest in the answer.
func (h *Handler) wrote(w http.ResponseWriter, r *http.Request, record events.Record, made done, moved []letters.Moved, status int, sentAll bool) error {
	setDone(w, made)
	w.Header().Set("Location", versionURL(r, record, made.ID))
	var said []issue
	if made.version != nil {
		said = issuesOf("warning", structure.Warnings(made.version.Body))
		if made.version.Event.Patient == "" {
			said = append(said, issuesOf("warning", structure.NoDossier(made.version.Body))...)
		}
	}
	for _, m := range moved {
		said = append(said, issue{Severity: "information", Code: "informational", Expression: []string{m.Path + ".data"}, Diagnostics: m.Text()})
	}
	warn(w, said...)
	prefer := preference(r, "return")
	switch {
	case prefer == "OperationOutcome":
		send(w, status, informational("written as version "+made.ID.String()+" of "+record.String(), said...))
	case prefer == "minimal" || made.version == nil || made.version.Body == nil:
		w.WriteHeader(status)
	case sentAll:
		send(w, status, stamp(made.version.Version, made.version.Conflict))
	default:
		h.show(w, r, record, made.version.Version, made.version.Conflict, status)
	}
	return nil
}

// warn says beside an answer what is doubtful: in its header and, of an entry of a Bundle, which
// has none, in its outcome.
func warn(w http.ResponseWriter, said ...issue) {
	for _, s := range said {
		w.Header().Add(WarningHeader, strings.Join(append(slices.Clone(s.Expression), s.Diagnostics), ": "))
	}
	if part, ok := w.(*kept); ok {
		part.said = append(part.said, said...)
	}
}

// stands answers that the record is there already, as it stands.
func (h *Handler) stands(w http.ResponseWriter, r *http.Request, state projections.State) error {
	setVersion(w, standing(state))
	w.Header().Set("Location", versionURL(r, state.Record, state.Shown.Event.ID))
	prefer := preference(r, "return")
	switch {
	case prefer == "OperationOutcome":
		send(w, http.StatusOK, informational(state.Record.String()+" exists already: nothing was written"))
	case prefer == "minimal" || unreadable(state.Shown):
		w.WriteHeader(http.StatusOK)
	default:
		h.show(w, r, state.Record, standing(state), state.Conflict, http.StatusOK)
	}
	return nil
}

// show answers to a write with what its caller did not send: that is a look at the record.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, record events.Record, v projections.Version, conflict bool, status int) {
	w = h.noting(w, r, "read", record.String())
	saw(w, v)
	send(w, status, stamp(v, conflict))
}

func informational(text string, more ...issue) []byte {
	return outcome(append([]issue{{Severity: "information", Code: "informational", Diagnostics: text}}, more...)...)
}

package fhir

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Trail keeps who looked at what; see package trail.
type Trail interface {
	Add(trail.Entry)
}

// maxSeen bounds the dossiers that one entry of the trail names.
const maxSeen = 1000

// witness notes what an answer shows while it is made, and keeps it in the trail before
// the first byte goes out.
type witness struct {
	http.ResponseWriter
	trail    Trail
	entry    trail.Entry
	kept     bool
	patients map[string]bool
}

// Unwrap lets http.ResponseController find what stands below.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader keeps the entry where something is shown.
func (w *witness) WriteHeader(status int) {
	if status < http.StatusMultipleChoices || status == http.StatusNotModified {
		w.keep()
	}
	w.kept = true
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the entry where nothing did yet.
func (w *witness) Write(p []byte) (int, error) {
	w.keep()
	return w.ResponseWriter.Write(p)
}

func (w *witness) keep() {
	if w.kept || w.entry.Did == "" {
		return
	}
	w.kept = true
	for patient := range w.patients {
		w.entry.Patients = append(w.entry.Patients, patient)
	}
	slices.Sort(w.entry.Patients)
	w.trail.Add(w.entry)
}

// watch begins to note what a request looks at. Changes are no looks, since the log has
// them; what their answers show beside it is noted by show.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, steps []string, record events.Record) http.ResponseWriter {
	what := strings.Trim(record.Type+"/"+record.ID, "/")
	if len(steps) == 4 {
		what += "/_history/" + steps[3]
	}
	return h.noting(w, r, lookOf(r.Method, steps), what)
}

// noting begins to note what an answer shows; with an empty did, nothing.
func (h *Handler) noting(w http.ResponseWriter, r *http.Request, did trail.Did, what string) http.ResponseWriter {
	if h.trail == nil || did == "" {
		return w
	}
	e := trail.Entry{Agent: h.author(r), Door: "fhir", Did: did, What: what}
	return &witness{ResponseWriter: w, trail: h.trail, entry: e, patients: make(map[string]bool)}
}

// lookOf is what a request looks at records by; empty where it does not.
func lookOf(method string, steps []string) trail.Did {
	if len(steps) == 0 {
		return "" // a Bundle: its entries are requests of their own
	}
	last := steps[len(steps)-1]
	switch {
	case method == http.MethodPost && last == "_search":
		return "search-type"
	case method != http.MethodGet && method != http.MethodHead, last == "metadata", last == eventsStep:
		return ""
	case last == "$export", steps[0] == exportSteps && len(steps) == 3:
		return trail.Export
	case steps[0] == exportSteps:
		return ""
	case strings.HasPrefix(last, "$"):
		return "operation"
	case last == "_history":
		return trail.Did([]string{"history-system", "history-type", "history-instance"}[len(steps)-1])
	case len(steps) == 1:
		return "search-type"
	case len(steps) == 4:
		return "vread"
	}
	return "read"
}

// saw notes that an answer shows a version.
func saw(w http.ResponseWriter, v projections.Version) { sawDossier(w, v.Event.Patient) }

// sawDossier notes that an answer shows something of a dossier.
func sawDossier(w http.ResponseWriter, patient string) {
	if x, ok := w.(*witness); ok && patient != "" && len(x.patients) < maxSeen {
		x.patients[patient] = true
	}
}

// named notes the dossiers that a search names: whatever it finds, and if it only counts or
// finds nothing, it tells of them.
func (h *Handler) named(ctx context.Context, w http.ResponseWriter, q projections.Query) {
	for i := range q.Conditions {
		h.sawNamed(ctx, w, q.Conditions[i].Patients(q.Type)...)
	}
}

// sawNamed notes those of the dossiers that are there, or may be. What is nobody's is no id, and may
// be a word that was typed in its place, such as a name, which stays out of the trail.
func (h *Handler) sawNamed(ctx context.Context, w http.ResponseWriter, patients ...string) {
	x, ok := w.(*witness)
	if !ok {
		return
	}
	for _, patient := range patients {
		if events.ValidateID("patient", patient) == nil && !x.patients[patient] && h.mayBeDossier(ctx, patient) {
			sawDossier(w, patient)
		}
	}
}

// mayBeDossier reports whether something is of a patient, or is perhaps not here yet.
func (h *Handler) mayBeDossier(ctx context.Context, patient string) bool {
	_, err := h.records.Record(ctx, events.Record{Type: "Patient", ID: patient})
	if !errors.Is(err, projections.ErrNotFound) || errors.Is(err, agent.ErrIncomplete) {
		return true
	}
	names, err := h.records.Names(ctx, projections.Want{Patient: patient})
	return err != nil || len(names) > 0
}

// exported notes what an export takes. Its parameters are types and a time, so their values stand in
// the trail too.
func exported(w http.ResponseWriter, want projections.Want, more ...string) {
	x, ok := w.(*witness)
	if !ok {
		return
	}
	x.entry.What = "$export"
	if want.Dossiers {
		x.entry.Query = append(x.entry.Query, "dossiers alone")
	}
	if len(want.Types) > 0 {
		x.entry.Query = append(x.entry.Query, "_type="+strings.Join(want.Types, ","))
	}
	if !want.Since.IsZero() {
		x.entry.Query = append(x.entry.Query, "_since="+want.Since.UTC().Format(instant))
	}
	x.entry.Query = append(x.entry.Query, more...)
}

// searched notes the names of the parameters of a search. Their values are words of
// patients, and stay out of the trail.
func searched[T any](w http.ResponseWriter, values map[string]T) {
	if x, ok := w.(*witness); ok {
		x.entry.Query = x.entry.Query[:0]
		for name := range values {
			x.entry.Query = append(x.entry.Query, name)
		}
		slices.Sort(x.entry.Query)
	}
}

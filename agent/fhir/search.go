package fhir

import (
	"context"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// maxForm bounds the parameters of a search that is posted, in bytes.
const maxForm = 64 << 10

// search answers GET [type]?... and POST [type]/_search.
func (h *Handler) search(w http.ResponseWriter, r *http.Request, record events.Record) error {
	values, err := searchValues(w, r)
	if err != nil {
		return err
	}
	a, err := understand(record.Type, values, preference(r, "handling") == "strict")
	if err != nil {
		return err
	}
	searched(w, values)
	partial := h.partial(r.Context(), a.query)
	page, err := h.records.Search(r.Context(), a.query)
	if err != nil {
		return err
	}
	b := newBundle("searchset", page.Total)
	here := base(r) + "/" + record.Type
	b.link("self", withQuery(here, a.used))
	if page.Next != "" && !a.countOnly {
		next := maps.Clone(a.used)
		next.Set(cursorParameter, page.Next)
		b.link("next", withQuery(here, next))
	}
	var notes []issue
	if partial {
		notes = append(notes, issue{Severity: "warning", Code: "incomplete", Diagnostics: agent.ErrIncomplete.Error()})
	}
	for _, name := range a.ignored {
		notes = append(notes, issue{Severity: "warning", Code: "not-supported",
			Diagnostics: "the parameter " + name + " is not supported for " + record.Type + " and did not narrow the search"})
	}
	for _, state := range page.States {
		switch {
		case a.countOnly:
		case unreadable(state.Shown):
			notes = append(notes, issue{Severity: "warning", Code: "incomplete", Diagnostics: sealed(state.Record, state.Shown).text})
		case !state.Shown.Deleted():
			saw(w, state.Shown)
			b.add(entry{
				FullURL: base(r) + "/" + state.Record.String(), Search: &entrySearch{Mode: "match"},
				Resource: stamp(state.Shown, state.Conflict),
			})
		}
	}
	if len(notes) > 0 {
		b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(notes...)})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// partial reports whether there may be more than the search will find: this desk is
// still reading the log, and the search is for more than a dossier that can be fetched.
func (h *Handler) partial(ctx context.Context, q projections.Query) bool {
	if !h.desk.Incomplete() {
		return false
	}
	patient := q.Patient
	if q.Type == "Patient" && patient == "" {
		patient = q.ID
	}
	return patient == "" || h.desk.Need(ctx, patient) != nil
}

// searchValues gathers the parameters of the URL and of a form that was posted.
func searchValues(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("value", "the parameters cannot be read: %v", err)
	}
	if r.Method != http.MethodPost {
		return values, nil
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" || err != nil {
		if r.ContentLength == 0 {
			return values, nil
		}
		return nil, problemf(http.StatusUnsupportedMediaType, "not-supported",
			"post a search as application/x-www-form-urlencoded, not %q", r.Header.Get("Content-Type"))
	}
	form, err := readBody(w, r, maxForm)
	if err != nil {
		return nil, err
	}
	posted, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, badRequest("value", "the parameters cannot be read: %v", err)
	}
	for name, list := range posted {
		values[name] = slices.Concat(values[name], list)
	}
	return values, nil
}

func withQuery(address string, values url.Values) string {
	if len(values) == 0 {
		return address
	}
	return address + "?" + values.Encode()
}

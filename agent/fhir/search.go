package fhir

import (
	"context"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

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
	a, err := understand(record.Type, values, preference(r, "handling") == "strict", time.Now())
	if err != nil {
		return err
	}
	searched(w, values)
	incomplete := h.incomplete(r.Context(), a.query)
	page, err := h.records.Search(r.Context(), a.query)
	if err != nil {
		return err
	}
	b := newBundle("searchset", page.Total)
	here := base(r) + "/" + record.Type
	b.link("self", withQuery(here, a.used))
	if page.Next != "" {
		next := maps.Clone(a.used)
		next.Set(cursorParameter, page.Next)
		b.link("next", withQuery(here, next))
	}
	return h.answerSearch(w, r, a, page, b, incomplete)
}

// answerSearch answers with a page of a search in a Bundle that has its links.
func (h *Handler) answerSearch(w http.ResponseWriter, r *http.Request, a asked, page projections.Page, b *bundle, incomplete error) error {
	f := finding{handler: h, answer: w, bundle: b, base: base(r), seen: make(map[events.Record]bool)}
	f.notes = notesOn(a, page, incomplete)
	for _, state := range page.States {
		f.add(state, "match")
	}
	h.named(r.Context(), w, a.query)
	for _, state := range page.States {
		f.elsewhere(state, page.Elsewhere[state.Record])
	}
	if err := f.include(r.Context(), a.includes, page.States); err != nil {
		return err
	}
	if len(f.notes) > 0 {
		b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(f.notes...)})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// notesOn says what a search did not look at.
func notesOn(a asked, page projections.Page, incomplete error) (notes []issue) {
	if incomplete != nil {
		notes = append(notes, incompleteNote(incomplete))
	}
	if page.Partial {
		notes = append(notes, issue{Severity: "warning", Code: "incomplete",
			Diagnostics: "this PC is still completing the index of its records: ask again soon, more may be found then; a search by patient, name or identifier finds everything now"})
	}
	return append(notes, ignoredNotes(a.ignored)...)
}

// ignoredNotes names the parameters that were left out, and what is missing by that.
func ignoredNotes(ignored []leftOut) (notes []issue) {
	for _, out := range ignored {
		notes = append(notes, issue{Severity: "warning", Code: "not-supported", Diagnostics: out.fault + " and " + effect(out.name)})
	}
	return notes
}

// incompleteNote says that there may be more than is answered.
func incompleteNote(err error) issue {
	return issue{Severity: "warning", Code: "incomplete", Diagnostics: err.Error()}
}

// finding gathers what a search answers.
type finding struct {
	handler *Handler
	answer  http.ResponseWriter
	bundle  *bundle
	base    string
	notes   []issue
	seen    map[events.Record]bool
}

// lacks notes, once, that there may be more.
func (f *finding) lacks(err error) {
	if !slices.ContainsFunc(f.notes, func(n issue) bool { return n.Diagnostics == err.Error() }) {
		f.notes = append(f.notes, incompleteNote(err))
	}
}

// add puts a record into the answer, once. What cannot be opened is named.
func (f *finding) add(state projections.State, mode string) {
	if f.seen[state.Record] {
		return
	}
	f.seen[state.Record] = true
	v := standing(state)
	switch {
	case unreadable(v):
		f.notes = append(f.notes, issue{Severity: "warning", Code: "incomplete", Diagnostics: sealed(state.Record, v).text})
	case !v.Deleted():
		saw(f.answer, v)
		f.bundle.add(entry{
			FullURL: f.base + "/" + state.Record.String(), Search: &entrySearch{Mode: mode},
			Resource: stamp(v, state.Conflict),
		})
	}
}

// elsewhere says that a record was found by a version which is not the one shown.
func (f *finding) elsewhere(state projections.State, heads []events.ID) {
	for _, id := range heads {
		f.notes = append(f.notes, issue{Severity: "warning", Code: "informational", Details: &concept{Text: id.String()},
			Diagnostics: state.Record.String() + " was found by its version " + id.String() + ", which stands beside the one that is shown: see " +
				f.base + "/" + state.Record.String() + "/$conflicts"})
	}
}

// incomplete is an error where there may be more than the search will find: this desk does not
// show everything, and the search is for more than dossiers that it does.
func (h *Handler) incomplete(ctx context.Context, q projections.Query) error {
	err := h.desk.Incomplete(ctx)
	if err == nil {
		return nil
	}
	for i := range q.Conditions {
		patients, ok := q.Conditions[i].Dossiers(q.Type)
		if ok && !slices.ContainsFunc(patients, func(p string) bool { return h.desk.Need(ctx, p) != nil }) {
			return nil
		}
	}
	return err
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
	form, err := readBody(w, r, maxForm, io.ReadAll)
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
	return values, repeated(values)
}

func withQuery(address string, values url.Values) string {
	if len(values) == 0 {
		return address
	}
	return address + "?" + values.Encode()
}

package fhir

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// maxNames is how many ids are tried for a record that is to exist once; others of them
// belong to records that were deleted, or are not what they were.
const maxNames = 100

// target finds the record that a change is of. Of a conditional create or update that
// matches nothing, it is one to be made, whose id follows from the criteria: two desks
// that make it at the same time make the same record.
func (h *Handler) target(c *change) (target, error) {
	t := target{record: c.record, fresh: c.Method == http.MethodPost}
	if !c.conditional {
		return t, nil
	}
	found, asked, err := h.match(c.Context(), c.record.Type, c.criteria)
	if err != nil {
		return t, err
	}
	if found != nil {
		return onto(c, found)
	}
	switch {
	case c.Method == http.MethodPut && c.head.ID != "":
		t.record.ID, t.fresh = c.head.ID, true
	case c.Method == http.MethodPut, c.Method == http.MethodPost:
		var taken bool
		t.fresh = true
		if t.record, taken, err = h.name(c.Context(), t.record.Type, asked); err != nil || !taken {
			return t, err
		}
		// What has the first id may have come from another desk since it was looked for.
		if found, _, err = h.match(c.Context(), c.record.Type, c.criteria); found != nil {
			return onto(c, found)
		}
	}
	return t, err
}

// onto is the record that the criteria of a change match. They match by any head and choose
// none: to go on from the one shown might write over what was never looked for.
func onto(c *change, found *projections.State) (target, error) {
	t := target{record: found.Record, found: found}
	if !found.Conflict || c.Method == http.MethodPost {
		return t, nil
	}
	match, err := parseCondition(c.Request, "If-Match")
	if err != nil || match.given && !match.any {
		return t, err
	}
	p := staleProblem(&agent.StaleError{Record: found.Record, Heads: headsOf(*found)})
	p.text = fmt.Sprintf("%s is in conflict, and %q does not say which of its versions is meant: nothing was written. Look at %s/%s/$conflicts, "+
		"then settle it with $resolve, or send this again with If-Match and the ETag of the version meant, or of all of them", found.Record, c.criteria, Root, found.Record)
	return t, p
}

// name finds an id for a record that is to exist once for what was asked. It reports whether
// others of them are taken.
func (h *Handler) name(ctx context.Context, typ, asked string) (record events.Record, taken bool, err error) {
	record.Type = typ
	for n := range maxNames {
		record.ID = h.desk.NameFor(asked, n)
		_, err := h.records.Record(ctx, record)
		if errors.Is(err, projections.ErrNotFound) {
			return record, n > 0, nil
		}
		if err != nil {
			return record, false, err
		}
	}
	record.ID = newID()
	return record, true, nil
}

// match returns the one record that criteria match, or nil where none does, and the
// criteria in one spelling. Several matches are an error, and so are criteria that would
// not be understood in full: what they leave out might be another patient.
func (h *Handler) match(ctx context.Context, typ, criteria string) (*projections.State, string, error) {
	values, err := url.ParseQuery(criteria)
	if err != nil {
		return nil, "", badRequest("value", "the criteria %q cannot be read: %v", criteria, err)
	}
	states, err := h.lookup(ctx, typ, values)
	if err != nil {
		return nil, "", err
	}
	switch len(states) {
	case 0:
		for _, list := range values {
			slices.Sort(list)
		}
		return nil, typ + "?" + values.Encode(), nil
	case 1:
		return &states[0], "", nil
	}
	return nil, "", problemf(http.StatusPreconditionFailed, "multiple-matches", "several records match %s?%s: nothing was written", typ, criteria)
}

// lookup is the one place where conditions meet the search: it returns up to two records
// that match.
func (h *Handler) lookup(ctx context.Context, typ string, criteria url.Values) ([]projections.State, error) {
	a, err := understand(typ, criteria, true, time.Now())
	if err != nil {
		return nil, err
	}
	if len(a.used) == 0 {
		return nil, badRequest("required", "say by what the %s is to be found, such as identifier=<system>|<value>", typ)
	}
	for name := range a.used {
		bare, _, _ := strings.Cut(name, ":")
		if _, ok := fhirsearch.Lookup(typ, bare); !ok {
			return nil, badRequest("not-supported", "%s says nothing about a record: it cannot be a condition", name)
		}
	}
	incomplete := h.incomplete(ctx, a.query)
	a.query.Limit = 2
	page, err := h.records.Search(ctx, a.query)
	if err != nil {
		return nil, err
	}
	if incomplete == nil && page.Partial && len(page.States) < 2 { // of several that are found there are several
		incomplete = agent.ErrIncomplete
	}
	if incomplete != nil {
		p := problemf(http.StatusServiceUnavailable, "incomplete", "whether such a record exists cannot be said: %v", incomplete)
		p.header = http.Header{"Retry-After": {"5"}}
		return nil, p
	}
	return page.States, nil
}

// unlessKnown reads which versions a reader has already, or since when.
func unlessKnown(r *http.Request) (unless condition, since time.Time, err error) {
	if unless, err = parseCondition(r, "If-None-Match"); err == nil {
		since, err = modifiedSince(r, unless)
	}
	return unless, since, err
}

// modifiedSince reads If-Modified-Since; zero where it does not count, as beside
// If-None-Match.
func modifiedSince(r *http.Request, unless condition) (time.Time, error) {
	text := r.Header.Get("If-Modified-Since")
	if text == "" || unless.given {
		return time.Time{}, nil
	}
	since, err := http.ParseTime(text)
	if err != nil { // in a Bundle it is an instant
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return time.Time{}, badRequest("value", "If-Modified-Since is %q: want a date of HTTP", text)
		}
	}
	return since, nil
}

// unmodified reports whether nothing of a record came here after a time. That is given in
// whole seconds: where two versions came within one, it tells nothing.
func (h *Handler) unmodified(ctx context.Context, state projections.State, since time.Time) bool {
	arrived := state.Shown.Arrived.Truncate(time.Second)
	if since.IsZero() || arrived.After(since) {
		return false
	}
	page, err := h.records.Past(ctx, projections.Past{Type: state.Record.Type, ID: state.Record.ID, Since: arrived})
	if err != nil || page.Next != "" {
		return false
	}
	return !slices.ContainsFunc(page.Versions, func(v projections.Listed) bool { return v.Event.ID != state.Shown.Event.ID })
}

// unmodifiedSince reads If-Unmodified-Since; zero where it does not count, as beside
// If-Match (RFC 9110, 13.1.4). A date that cannot be read is refused: who sends one does not
// want to write over what came since.
func unmodifiedSince(r *http.Request) (time.Time, error) {
	if len(r.Header.Values("If-Unmodified-Since")) == 0 || len(r.Header.Values("If-Match")) > 0 {
		return time.Time{}, nil
	}
	text := r.Header.Get("If-Unmodified-Since")
	since, err := http.ParseTime(text)
	if err != nil {
		return since, badRequest("value", "If-Unmodified-Since is %q: want a date of HTTP, or the version in If-Match", text)
	}
	return since, nil
}

// unlessModified refuses a write where something of the record came after the date that
// the caller gave.
func (h *Handler) unlessModified(r *http.Request, state projections.State) error {
	since, err := unmodifiedSince(r)
	if err != nil || since.IsZero() {
		return err
	}
	came, err := h.records.Past(r.Context(), projections.Past{Type: state.Record.Type, ID: state.Record.ID, Since: since})
	if err != nil {
		return err
	}
	later := func(v projections.Listed) bool { return v.Arrived.Truncate(time.Second).After(since) }
	if len(came.Versions) <= 1 && came.Next == "" && !slices.ContainsFunc(came.Versions, later) {
		return nil // of several within the second of the date the caller may have seen the first
	}
	p := staleProblem(&agent.StaleError{Record: state.Record, Heads: headsOf(state)})
	p.text += "; If-Match names a version to the point, a date only a second"
	return p
}

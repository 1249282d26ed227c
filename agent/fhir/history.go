package fhir

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// history answers _history of a record, of a type or of all: the version that came here
// last first. Bundle.meta.lastUpdated is what to send as _since the next time: all that
// comes here later comes then or after, whenever it was written. What came in the same
// millisecond is then given twice, and nothing never.
func (h *Handler) history(w http.ResponseWriter, r *http.Request, record events.Record) error {
	q, used, err := understandPast(r, record)
	if err != nil {
		return err
	}
	if record.ID != "" { // fetches the dossier where it is not here yet
		if _, err := h.records.Record(r.Context(), record); err != nil {
			return err
		}
	}
	incomplete := record.ID == "" && h.desk.Incomplete(r.Context()) != nil
	page, err := h.records.Past(r.Context(), q)
	if err != nil {
		return err
	}
	total := -1
	if q.After == "" && page.Next == "" && (record.ID != "" || !h.makes(record.Type)) {
		total = len(page.Versions)
	}
	b := newBundle("history", total)
	b.meta = encode(map[string]string{"lastUpdated": page.At.Format(instant)})
	here := strings.TrimSuffix(base(r)+"/"+strings.Trim(record.Type+"/"+record.ID, "/"), "/") + "/_history"
	b.link("self", withQuery(here, used))
	if page.Next != "" {
		next := maps.Clone(used)
		next.Set(cursorParameter, page.Next)
		b.link("next", withQuery(here, next))
	}
	if incomplete {
		w.Header().Set(IncompleteHeader, "true")
	}
	for _, v := range page.Versions {
		saw(w, v.Version)
		b.add(pastEntry(r, v))
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// IncompleteHeader stands, as "true", on an answer that may have less than the practice
// knows, since this desk is still reading the log for the first time, or cannot show a change
// that was made here. What comes later comes after the answer's lastUpdated.
const IncompleteHeader = "Carelog-Incomplete"

// pastEntry is a version with how it was written.
func pastEntry(r *http.Request, v projections.Listed) entry {
	record := v.Event.Record
	e := entry{
		FullURL: base(r) + "/" + record.String(),
		Request: &entryRequest{Method: http.MethodPut, URL: record.String()},
		Response: &entryResponse{
			Status: "200 OK", ETag: etag(v.Event.ID), LastModified: v.Arrived.UTC().Format(instant),
			Location: versionURL(r, record, v.Event.ID),
		},
	}
	switch {
	case v.Deleted():
		e.Request.Method, e.Response.Status = http.MethodDelete, "204 No Content"
	case len(v.Event.Parents) == 0:
		e.Response.Status = "201 Created"
	}
	switch {
	case unreadable(v.Version):
		e.Response.Outcome = outcome(issue{Severity: "warning", Code: "incomplete", Diagnostics: sealed(record, v.Version).text})
	case !v.Deleted():
		e.Resource = stamp(v.Version, v.Conflict)
	}
	return e
}

// understandPast reads the parameters of a history. One that cannot be taken as it was
// meant is an error: a history that was not narrowed looks like one that was.
func understandPast(r *http.Request, record events.Record) (q projections.Past, used url.Values, err error) {
	q, used = projections.Past{Type: record.Type, ID: record.ID}, url.Values{}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, nil, badRequest("value", "the parameters cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return q, nil, badRequest("value", "%s is given %d times: once is enough", name, len(values[name]))
		}
		value := values[name][0]
		switch name {
		case "_format", "_pretty":
			continue
		case "_since":
			q.Since, err = parseInstant(value)
		case "_count":
			q.Limit, err = parseCount(value)
		case cursorParameter:
			q.After = value
		default:
			return q, nil, badRequest("not-supported", "a history cannot be narrowed by %s: want _since, _count", name)
		}
		if err != nil {
			return q, nil, badRequest("value", "%s=%s: %v", name, value, err)
		}
		if name != cursorParameter {
			used.Set(name, value)
		}
	}
	return q, used, nil
}

// parseInstant reads FHIR's type of that name. What is finer than a millisecond is cut
// off, so that nothing of that millisecond is missed.
func parseInstant(text string) (time.Time, error) {
	// A + that was not escaped in a URL comes as a space.
	at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return at, errInstant
	}
	return at.Truncate(time.Millisecond), nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errCount
	}
	return min(n, projections.MaxLimit), nil
}

var (
	errInstant = errors.New("want an instant with its zone, such as 2026-11-26T08:30:00.000Z")
	errCount   = errors.New("want a number of entries, from 1")
)

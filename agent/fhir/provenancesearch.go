package fhir

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// provenanceAsked is a search for who made what.
type provenanceAsked struct {
	past     projections.Past
	version  events.ID // only this one; zero: all
	agent    string    // of the Practitioner or the Device; empty: any
	made     span      // by the clock of the author's desk
	came     span      // to this desk
	used     url.Values
	incoming *problem // why records of clients are not searched as well; nil: they are
}

// span is a time from one moment on and before another; zero is no bound.
type span struct{ from, before time.Time }

func (s span) has(t time.Time) bool {
	return !t.Before(s.from) && (s.before.IsZero() || t.Before(s.before))
}

// maxLookedAt bounds the versions that one page is made of; it then ends with what it has.
const maxLookedAt = 1000

// recordsCursor is the place in a search where the log is read to its end, and records
// that clients wrote are next.
const recordsCursor = "records"

// provenances answers a search for Provenance: first of what the log says, newest first,
// and then of the records that clients wrote. With parameters that only records have it is
// of those alone.
func (h *Handler) provenances(w http.ResponseWriter, r *http.Request, record events.Record) error {
	values, err := searchValues(w, r)
	if err != nil {
		return err
	}
	if !ofLog(values) {
		if values.Get(cursorParameter) == recordsCursor {
			values.Del(cursorParameter)
		}
		return h.search(w, asGet(r, values), record)
	}
	searched(w, values)
	a, err := understandProvenance(values, base(r))
	if err != nil {
		return err
	}
	fitting, end, err := h.versionsMade(r.Context(), a)
	if err != nil {
		return err
	}
	b := newBundle("searchset", -1)
	here := base(r) + "/Provenance"
	b.link("self", withQuery(here, a.used))
	switch {
	case end != "":
		b.link("next", withQuery(here, withCursor(a.used, end)))
	case a.incoming == nil:
		b.link("next", withQuery(here, withCursor(a.used, recordsCursor)))
	}
	for _, v := range fitting {
		saw(w, v.Version)
		b.add(entry{FullURL: here + "/" + v.Event.ID.String(), Search: &entrySearch{Mode: "match"}, Resource: provenance(v.Version)})
	}
	var notes []issue
	if a.incoming != nil {
		notes = append(notes, issue{Severity: "warning", Code: "not-supported", Diagnostics: "Provenance that clients wrote is not in this answer: " + a.incoming.text})
	}
	if err := h.desk.Incomplete(r.Context()); err != nil && (!a.ofOne() || h.desk.Need(r.Context(), a.past.Patient) != nil) {
		notes = append(notes, incompleteNote(err))
	}
	if len(notes) > 0 {
		b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(notes...)})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// versionsMade finds a page of what the log says, and where the next one begins; "" at its end.
func (h *Handler) versionsMade(ctx context.Context, a provenanceAsked) (list []projections.Listed, next string, err error) {
	limit := cmp.Or(a.past.Limit, projections.DefaultLimit)
	for looked := 0; looked < maxLookedAt; {
		a.past.Limit = limit - len(list)
		page, err := h.records.Past(ctx, a.past)
		if errors.Is(err, projections.ErrNotFound) {
			return list, "", nil
		}
		if err != nil {
			return nil, "", err
		}
		looked += max(len(page.Versions), 1)
		for _, v := range page.Versions {
			if a.fits(v.Version) {
				list = append(list, v)
			}
		}
		if next = page.Next; next == "" || len(list) == limit {
			break
		}
		a.past.After = next
	}
	return list, next, nil
}

// ofOne reports whether one record or dossier is asked about.
func (a *provenanceAsked) ofOne() bool { return a.past.ID != "" || a.past.Patient != "" }

// ofLog reports whether a search is of what the log says. With parameters that are of
// records alone it is not, nor is a page behind the end of the log.
func ofLog(values url.Values) bool {
	if cursor := values.Get(cursorParameter); cursor != "" && !strings.Contains(cursor, ".") {
		return false
	}
	if values.Has("target") {
		return true
	}
	for name := range values {
		switch name {
		case "patient", "patient:Patient", "agent", "recorded", "_lastUpdated", "_count", cursorParameter, "_format", "_pretty":
		default:
			return false
		}
	}
	return true
}

func withCursor(used url.Values, cursor string) url.Values {
	next := maps.Clone(used)
	next.Set(cursorParameter, cursor)
	return next
}

// asGet is a request for a search whose parameters were read already.
func asGet(r *http.Request, values url.Values) *http.Request {
	got := r.Clone(r.Context())
	got.Method, got.URL.RawQuery = http.MethodGet, values.Encode()
	return got
}

// understandProvenance reads the parameters. What cannot be taken as it was meant is an
// error.
func understandProvenance(values url.Values, base string) (a provenanceAsked, err error) {
	a.used = url.Values{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "_format" || name == "_pretty" {
			continue
		}
		if len(values[name]) > 1 && name != "recorded" && name != "_lastUpdated" {
			return a, badRequest("not-supported", "%s is given %d times: once is supported", name, len(values[name]))
		}
		for _, value := range values[name] {
			switch name {
			case "target":
				err = a.setTarget(strings.TrimPrefix(value, base+"/"))
			case "patient", "patient:Patient":
				a.past.Patient, err = idOf(value, "Patient", base)
			case "agent":
				a.agent = strings.TrimPrefix(value, base+"/")
			case "recorded":
				err = narrow(value, &a.made.from, &a.made.before)
			case "_lastUpdated":
				err = narrow(value, &a.came.from, &a.came.before)
			case "_count":
				a.past.Limit, err = parseCount(value)
			case cursorParameter:
				a.past.After = value
			default:
				return a, badRequest("not-supported", "Provenance cannot be searched by %s together with target: want agent, recorded, _lastUpdated, _count", name)
			}
			if err != nil {
				return a, badRequest("value", "%s=%s: %v", name, value, err)
			}
			if name != cursorParameter {
				a.used.Add(name, value)
			}
		}
	}
	a.past.Since = a.came.from
	if a.past.ID != "" && a.past.Patient != "" {
		return a, badRequest("not-supported", "ask for target or for patient, not for both")
	}
	if _, err := understand("Provenance", a.used, true, time.Now()); err != nil {
		a.incoming = problemOf(err)
	}
	return a, nil
}

// setTarget takes Type/id, or one version of it.
func (a *provenanceAsked) setTarget(value string) error {
	name, version, versioned := strings.Cut(value, "/_history/")
	typ, id, _ := strings.Cut(name, "/")
	record := events.Record{Type: typ, ID: id}
	if err := record.Validate(); err != nil {
		return errors.New("want Type/<id>, or Type/<id>/_history/<version>")
	}
	a.past.Type, a.past.ID = typ, id
	if !versioned {
		return nil
	}
	var err error
	a.version, err = events.ParseID(version)
	return err
}

func (a *provenanceAsked) fits(v projections.Version) bool {
	e := v.Event
	return (a.version.IsZero() || a.version == e.ID) &&
		(a.agent == "" || a.agent == "Practitioner/"+e.Author || a.agent == "Device/"+e.Device || a.agent == e.Author) &&
		a.made.has(e.Time) && a.came.has(v.Arrived)
}

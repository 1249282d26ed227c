package fhir

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// instant is FHIR's type of that name.
const instant = "2006-01-02T15:04:05.000Z07:00"

// read answers with the version shown.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, record events.Record) error {
	state, err := h.records.Record(r.Context(), record)
	if err != nil {
		return err
	}
	unless, since, err := unlessKnown(r)
	if err != nil {
		return err
	}
	v := standing(state)
	other := another(r, record, v.Event.ID, headsOf(state)...)
	setVersion(w, v)
	switch {
	case v.Deleted():
		return deleted(record)
	case unreadable(v):
		return sealed(record, v)
	case other != nil:
		return other
	case state.Conflict:
		// Never 304: what the caller has kept may not have the conflict's tag, and the
		// version's ETag does not tell.
	case unless.any || slices.Contains(unless.ids, v.Event.ID), h.unmodified(r.Context(), state, since):
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	send(w, http.StatusOK, stamp(v, state.Conflict))
	return nil
}

// isRead reports whether one record is read at a path, or a version or the heads of one.
func isRead(method string, steps []string) bool {
	if method != http.MethodGet || isStream(steps) {
		return false
	}
	switch len(steps) {
	case 2:
		return !strings.HasPrefix(steps[1], "_") && !strings.HasPrefix(steps[1], "$")
	case 3:
		return steps[2] == "$conflicts"
	case 4:
		return steps[2] == "_history"
	}
	return false
}

// maxNamed bounds what a header says of parameters, in bytes.
const maxNamed = 500

// whole names in the header the parameters of a read that it passes over: the resource is
// given as it is, which is more than was asked for and never less. With strict handling
// they are refused.
func whole(w http.ResponseWriter, r *http.Request) error {
	var names []string
	for name, values := range r.URL.Query() {
		if name == "_format" || name == "_pretty" || name == "_summary" && !slices.ContainsFunc(values, func(v string) bool { return v != "false" }) {
			continue
		}
		names = append(names, strings.Trim(strconv.QuoteToASCII(name), `"`))
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	text := strings.Join(names, ", ")
	if len(text) > maxNamed {
		text = text[:maxNamed]
	}
	if preference(r, "handling") == "strict" {
		return badRequest("not-supported", "a read gives the whole resource and is not served with %s", text)
	}
	warn(w, issue{Severity: "warning", Code: "not-supported", Diagnostics: "not supported, and the whole resource is given: " + text})
	return nil
}

// vread answers with one version, head or not.
func (h *Handler) vread(version string) answer {
	return func(w http.ResponseWriter, r *http.Request, record events.Record) error {
		id, err := events.ParseID(version)
		if err != nil {
			return notFound("%s has no version %q", record, version)
		}
		v, err := h.records.Version(r.Context(), record, id)
		if err != nil {
			return err
		}
		setVersion(w, v)
		switch {
		case v.Deleted():
			return deleted(record)
		case unreadable(v):
			return sealed(record, v)
		}
		if err := another(r, record, id, id); err != nil {
			return err
		}
		conflict := false
		if v.Head {
			state, err := h.records.Record(r.Context(), record)
			if err != nil {
				return err
			}
			conflict = state.Conflict
		}
		send(w, http.StatusOK, stamp(v, conflict))
		return nil
	}
}

// standing is the version shown, with the time at which the record became as it stands: when
// the last of its heads came here. Whoever polls by lastUpdated so hears of a conflict.
func standing(state projections.State) projections.Version {
	v := state.Shown
	for _, head := range state.Heads {
		if head.Arrived.After(v.Arrived) {
			v.Arrived = head.Arrived
		}
	}
	return v
}

// stamp is the version as it is read.
func stamp(v projections.Version, conflict bool) []byte {
	if conflict {
		return fhirjson.Stamp(v.Body, v.Event.ID.String(), v.Arrived, fhirjson.ConflictTag)
	}
	return fhirjson.Stamp(v.Body, v.Event.ID.String(), v.Arrived)
}

// stampListed is a record as it is read, of the version that is shown.
func stampListed(v projections.Listed) []byte {
	if v.Newest.After(v.Arrived) {
		v.Arrived = v.Newest
	}
	return stamp(v.Version, v.Conflict)
}

// setVersion names the version in the header. Last-Modified is when it came here, so
// that a caller who polls misses nothing that arrived late.
func setVersion(w http.ResponseWriter, v projections.Version) {
	saw(w, v)
	w.Header().Set("ETag", etag(v.Event.ID))
	if !v.Arrived.IsZero() {
		w.Header().Set("Last-Modified", v.Arrived.UTC().Format(http.TimeFormat))
	}
}

func versionURL(r *http.Request, record events.Record, id events.ID) string {
	return base(r) + "/" + record.String() + "/_history/" + id.String()
}

func deleted(record events.Record) *problem {
	return problemf(http.StatusGone, "deleted", "%s was deleted: its versions are in %s/_history", record, record)
}

// unreadable reports whether a version is known and its content is not.
func unreadable(v projections.Version) bool { return !v.Deleted() && v.Doubt != "" }

func sealed(record events.Record, v projections.Version) *problem {
	p := problemf(http.StatusServiceUnavailable, "incomplete",
		"version %s of %s is here, but its content cannot be opened: its key has not arrived yet, or was erased", v.Event.ID, record)
	p.header = http.Header{"Retry-After": {"5"}}
	return p
}

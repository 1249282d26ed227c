package fhir

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// eventTag marks what is made of the log and cannot be written.
var eventTag = coding{System: fhirjson.ConflictTag.System, Code: "event"}

type provenanceMeta struct {
	VersionID   string   `json:"versionId"`
	LastUpdated string   `json:"lastUpdated"`
	Tag         []coding `json:"tag"`
}

type reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

type provenanceAgent struct {
	Type *concept  `json:"type,omitempty"`
	Who  reference `json:"who"`
}

type provenanceEntity struct {
	Role string    `json:"role"`
	What reference `json:"what"`
}

// provenance says who made a version, when by their own clock, and on what.
func provenance(v projections.Version) []byte {
	record := v.Event.Record
	const participants = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	activity := "UPDATE"
	switch {
	case v.Deleted():
		activity = "DELETE"
	case len(v.Event.Parents) == 0:
		activity = "CREATE"
	}
	author := reference{Reference: "Practitioner/" + v.Event.Author}
	if v.Event.Author == "" {
		author = reference{Display: "not named"}
	}
	entities := []provenanceEntity{}
	for _, p := range v.Event.Parents {
		entities = append(entities, provenanceEntity{"revision", reference{Reference: record.String() + "/_history/" + p.String()}})
	}
	return encode(struct {
		ResourceType string             `json:"resourceType"`
		ID           string             `json:"id"`
		Meta         provenanceMeta     `json:"meta"`
		Target       []reference        `json:"target"`
		Recorded     string             `json:"recorded"`
		Activity     concept            `json:"activity"`
		Agent        []provenanceAgent  `json:"agent"`
		Entity       []provenanceEntity `json:"entity,omitempty"`
	}{
		ResourceType: "Provenance", ID: v.Event.ID.String(),
		Meta:     provenanceMeta{v.Event.ID.String(), v.Arrived.Format(instant), []coding{eventTag}},
		Target:   []reference{{Reference: record.String() + "/_history/" + v.Event.ID.String()}},
		Recorded: v.Event.Time.Format(instant),
		Activity: concept{Coding: []coding{{"http://terminology.hl7.org/CodeSystem/v3-DataOperation", activity}}},
		Agent: []provenanceAgent{
			{Type: &concept{Coding: []coding{{participants, "author"}}}, Who: author},
			{Type: &concept{Coding: []coding{{participants, "assembler"}}}, Who: reference{Reference: "Device/" + v.Event.Device}},
		},
		Entity: entities,
	})
}

// provenanceRead answers with who made the version that has the id of the Provenance.
func (h *Handler) provenanceRead(w http.ResponseWriter, r *http.Request, record events.Record) error {
	id, err := events.ParseID(record.ID)
	if err != nil {
		return notFound("%v", err)
	}
	v, err := h.records.ByID(r.Context(), id)
	if errors.Is(err, projections.ErrNotFound) {
		if kept := h.read(w, r, record); !errors.Is(kept, projections.ErrNotFound) {
			return kept // a record came in by another door under such an id
		}
		if h.desk.Incomplete() {
			err = errors.Join(err, agent.ErrIncomplete)
		}
	}
	if err != nil {
		return err
	}
	setVersion(w, v)
	send(w, http.StatusOK, provenance(v))
	return nil
}

// provenanceAsked is a search for who made what.
type provenanceAsked struct {
	past     projections.Past
	version  events.ID // only this one; zero: all
	agent    string    // of the Practitioner or the Device; empty: any
	from     time.Time
	before   time.Time
	used     url.Values
	incoming *problem // why records of clients are not searched as well; nil: they are
}

// recordsCursor is the place in a search where the log is read to its end, and records
// that clients wrote are next.
const recordsCursor = "records"

// provenances answers a search for Provenance. With target or patient it is first of what
// the log says, newest first, and then of the records that clients wrote; without, of
// those alone, since nobody wants the whole log.
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
	page, err := h.records.Past(r.Context(), a.past)
	if errors.Is(err, projections.ErrNotFound) {
		page, err = projections.PastPage{}, nil
	}
	if err != nil {
		return err
	}
	b := newBundle("searchset", -1)
	here := base(r) + "/Provenance"
	b.link("self", withQuery(here, a.used))
	switch {
	case page.Next != "":
		b.link("next", withQuery(here, withCursor(a.used, page.Next)))
	case a.incoming == nil:
		b.link("next", withQuery(here, withCursor(a.used, recordsCursor)))
	}
	for _, v := range page.Versions {
		if a.fits(v.Version) {
			saw(w, v.Version)
			b.add(entry{FullURL: here + "/" + v.Event.ID.String(), Search: &entrySearch{Mode: "match"}, Resource: provenance(v.Version)})
		}
	}
	var notes []issue
	if a.incoming != nil {
		notes = append(notes, issue{Severity: "warning", Code: "not-supported", Diagnostics: "Provenance that clients wrote is not in this answer: " + a.incoming.text})
	}
	if h.desk.Incomplete() && h.desk.Need(r.Context(), a.past.Patient) != nil {
		notes = append(notes, issue{Severity: "warning", Code: "incomplete", Diagnostics: agent.ErrIncomplete.Error()})
	}
	if len(notes) > 0 {
		b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(notes...)})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

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
		case "patient", "patient:Patient", "agent", "recorded", "_count", cursorParameter, "_format", "_pretty":
		default:
			return false
		}
	}
	return values.Has("patient") || values.Has("patient:Patient")
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
		if len(values[name]) > 1 && name != "recorded" {
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
				err = narrow(value, &a.from, &a.before)
			case "_count":
				a.past.Limit, err = parseCount(value)
			case cursorParameter:
				a.past.After = value
			default:
				return a, badRequest("not-supported", "Provenance cannot be searched by %s together with target or patient: want agent, recorded, _count", name)
			}
			if err != nil {
				return a, badRequest("value", "%s=%s: %v", name, value, err)
			}
			if name != cursorParameter {
				a.used.Add(name, value)
			}
		}
	}
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
		!e.Time.Before(a.from) && (a.before.IsZero() || e.Time.Before(a.before))
}

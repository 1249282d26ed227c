package fhir

import (
	"errors"
	"net/http"
	"slices"
	"time"

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
	Reference  string      `json:"reference,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// logical names what has no record here that could be read.
type logical struct {
	Type       string     `json:"type"`
	Identifier identifier `json:"identifier"`
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type provenanceAgent struct {
	Type       *concept  `json:"type,omitempty"`
	Who        reference `json:"who"`
	OnBehalfOf *logical  `json:"onBehalfOf,omitempty"`
}

// practiceSystem is that of the names of practices, as their operators give them.
const practiceSystem = "https://carelog.eu/fhir/NamingSystem/practice"

type provenanceEntity struct {
	Role string    `json:"role"`
	What reference `json:"what"`
}

// provenance says who made a version, when by their own clock, and on what.
func provenance(v projections.Version, author reference) []byte {
	record := v.Event.Record
	const participants = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	activity := "UPDATE"
	switch {
	case v.Deleted():
		activity = "DELETE"
	case len(v.Event.Parents) == 0:
		activity = "CREATE"
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
		Occurred     string             `json:"occurredDateTime"`
		Recorded     string             `json:"recorded"`
		Activity     concept            `json:"activity"`
		Agent        []provenanceAgent  `json:"agent"`
		Entity       []provenanceEntity `json:"entity,omitempty"`
	}{
		ResourceType: "Provenance", ID: v.Event.ID.String(),
		Meta:     provenanceMeta{v.Event.ID.String(), v.Arrived.Format(instant), []coding{eventTag}},
		Target:   []reference{{Reference: record.String() + "/_history/" + v.Event.ID.String()}},
		Occurred: v.Event.Time.Format(instant), Recorded: v.Event.Time.Format(instant), // one clock: that of the author's desk
		Activity: concept{Coding: []coding{{"http://terminology.hl7.org/CodeSystem/v3-DataOperation", activity}}},
		Agent: []provenanceAgent{
			{Type: &concept{Coding: []coding{{participants, "author"}}}, Who: author,
				OnBehalfOf: &logical{"Organization", identifier{practiceSystem, v.Event.Practice}}},
			{Type: &concept{Coding: []coding{{participants, "assembler"}}}, Who: reference{Reference: "Device/" + v.Event.Device}},
		},
		Entity: entities,
	})
}

// provenanceRead answers with who made the version that has the id of the Provenance.
func (h *Handler) provenanceRead(w http.ResponseWriter, r *http.Request, record events.Record) error {
	unless, since, err := unlessKnown(r)
	if err != nil {
		return err
	}
	if id, err := events.ParseID(record.ID); err == nil {
		if err := another(r, record, id, id); err != nil {
			return err
		}
	}
	return h.madeOf(w, r, record, h.read, func(v projections.Version, said []byte) {
		setVersion(w, v)
		if unless.any || slices.Contains(unless.ids, v.Event.ID) || !since.IsZero() && !v.Arrived.Truncate(time.Second).After(since) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		send(w, http.StatusOK, said)
	})
}

// provenanceHistory answers with the one version of a Provenance of the log.
func (h *Handler) provenanceHistory(w http.ResponseWriter, r *http.Request, record events.Record) error {
	q, used, err := understandPast(r, record)
	if err != nil {
		return err
	}
	return h.madeOf(w, r, record, h.history, func(v projections.Version, said []byte) {
		saw(w, v)
		here := base(r) + "/" + record.String()
		b := newBundle("history", 0)
		b.meta = encode(map[string]string{"lastUpdated": v.Arrived.Format(instant)})
		b.link("self", withQuery(here+"/_history", used))
		if !v.Arrived.Before(q.Since) {
			b.total = 1
			b.add(entry{
				FullURL: here, Resource: said, Request: &entryRequest{Method: http.MethodPost, URL: record.Type},
				Response: &entryResponse{Status: "201 Created", ETag: etag(v.Event.ID), LastModified: v.Arrived.UTC().Format(instant), Location: versionURL(r, record, v.Event.ID)},
			})
		}
		send(w, http.StatusOK, b.bytes())
	})
}

// madeOf tells of the version that has the id of a Provenance. Where there is none, a record
// may have come in by another door under such an id: it is answered as any other.
func (h *Handler) madeOf(w http.ResponseWriter, r *http.Request, record events.Record, other answer, tell func(v projections.Version, said []byte)) error {
	id, err := events.ParseID(record.ID)
	if err != nil {
		return notFound("%v", err)
	}
	v, err := h.records.ByID(r.Context(), id)
	if errors.Is(err, projections.ErrNotFound) {
		if kept := other(w, r, record); !errors.Is(kept, projections.ErrNotFound) {
			return kept
		}
		err = errors.Join(err, h.desk.Incomplete(r.Context()))
	}
	if err != nil {
		return err
	}
	tell(v, provenance(v, h.people(r.Context()).who(v.Event.Author)))
	return nil
}

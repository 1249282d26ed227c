package fhir

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
)

// Looks is where the trail is read.
type Looks interface {
	Trail
	Search(ctx context.Context, q trail.Query) (trail.Page, error)
	// Read answers trail.ErrNotFound for an entry that is not there.
	Read(ctx context.Context, id events.ID) (trail.Entry, error)
}

// auditID is what the ids of the trail's entries begin with. A record can have such an
// id too, if it came in by another door; the entry is then what is read.
const auditID = "trail."

func (h *Handler) auditRead(w http.ResponseWriter, r *http.Request, record events.Record) error {
	id, ours := lookID(record)
	if !ours {
		return h.read(w, r, record)
	}
	e, err := h.look(r.Context(), id)
	if err != nil {
		return err
	}
	if !strings.Contains(r.Header.Get("If-Match"), `"`+lookVersion+`"`) {
		if err := unversioned(r); err != nil {
			return err
		}
	}
	sawEntry(w, e)
	send(w, http.StatusOK, auditEvent(e, h.people(r.Context()).who(e.Agent)))
	return nil
}

// lookVersion is the only version that an AuditEvent of the trail ever has.
const lookVersion = "1"

// auditHistory answers with the one version of an AuditEvent of the trail.
func (h *Handler) auditHistory(w http.ResponseWriter, r *http.Request, record events.Record) error {
	q, used, err := understandPast(r, record)
	if err != nil {
		return err
	}
	id, _ := lookID(record)
	e, err := h.look(r.Context(), id)
	if err != nil {
		return err
	}
	sawEntry(w, e)
	b := newBundle("history", 0)
	here := base(r) + "/" + record.String()
	b.link("self", withQuery(here+"/_history", used))
	if !e.At.Before(q.Since) {
		b.total = 1
		b.add(entry{
			FullURL: here, Resource: auditEvent(e, h.people(r.Context()).who(e.Agent)), Request: &entryRequest{Method: http.MethodPost, URL: record.Type},
			Response: &entryResponse{Status: "201 Created", ETag: `W/"` + lookVersion + `"`, LastModified: e.At.UTC().Format(instant), Location: here + "/_history/" + lookVersion},
		})
	}
	send(w, http.StatusOK, b.bytes())
	return nil
}

// look reads an entry of the trail of whichever desk.
func (h *Handler) look(ctx context.Context, id events.ID) (trail.Entry, error) {
	e, err := h.looks.Read(ctx, id)
	switch {
	case errors.Is(err, trail.ErrAlone):
		err = problemf(http.StatusNotFound, "incomplete", "%v", err)
	case errors.Is(err, trail.ErrNotFound):
		err = notFound("%v", err)
	}
	return e, err
}

// lookID is the id of the entry that an AuditEvent is made of.
func lookID(record events.Record) (id events.ID, ours bool) {
	text, ours := strings.CutPrefix(record.ID, auditID)
	if !ours {
		return id, false
	}
	id, err := events.ParseID(text)
	return id, err == nil
}

func sawEntry(w http.ResponseWriter, e trail.Entry) {
	for _, p := range e.Patients {
		sawDossier(w, p)
	}
}

// auditSearch answers from the trails of all desks.
func (h *Handler) auditSearch(w http.ResponseWriter, r *http.Request, record events.Record) error {
	values, err := searchValues(w, r)
	if err != nil {
		return err
	}
	searched(w, values)
	q, used, err := understandAudit(values, base(r))
	if err != nil {
		return err
	}
	page, err := h.looks.Search(r.Context(), q)
	if errors.Is(err, trail.ErrCursor) {
		return badRequest("value", "%v", err)
	}
	if err != nil {
		return err
	}
	b := newBundle("searchset", -1)
	b.link("self", withQuery(base(r)+"/"+record.Type, used))
	if page.Next != "" {
		next := maps.Clone(used)
		next.Set(cursorParameter, page.Next)
		b.link("next", withQuery(base(r)+"/"+record.Type, next))
	}
	people := h.people(r.Context())
	for _, e := range page.Entries {
		sawEntry(w, e)
		b.add(entry{FullURL: base(r) + "/AuditEvent/" + auditID + e.ID.String(), Search: &entrySearch{Mode: "match"}, Resource: auditEvent(e, people.who(e.Agent))})
	}
	b.add(entry{Search: &entrySearch{Mode: "outcome"}, Resource: outcome(reach(page)...)})
	send(w, http.StatusOK, b.bytes())
	return nil
}

// reach says which desks' looks were asked, and until when they are known here.
func reach(page trail.Page) []issue {
	if page.Missing != nil {
		return []issue{{Severity: "warning", Code: "incomplete", Diagnostics: "who looked at this desk alone: " + page.Missing.Error()}}
	}
	notes := []issue{{Severity: "information", Code: "informational", Diagnostics: "of this desk all is here; the other desks send who looked there about once a minute"}}
	for _, o := range page.Others {
		note := issue{Severity: "information", Code: "informational", Diagnostics: fmt.Sprintf("Device/%s has sent what was looked at until %s", o.Device, o.Until.UTC().Format(instant))}
		if o.Err != nil {
			note = issue{Severity: "warning", Code: "incomplete", Diagnostics: fmt.Sprintf("of Device/%s not all is here: %v", o.Device, o.Err)}
		}
		notes = append(notes, note)
	}
	return notes
}

// understandAudit reads the parameters of a search in the trail. What is not known is
// an error: who looks for somebody's looks must not take all of them for that.
func understandAudit(values url.Values, base string) (q trail.Query, used url.Values, err error) {
	used = url.Values{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name == "_format" || name == "_pretty" {
			continue
		}
		if len(values[name]) > 1 && name != "date" {
			return q, nil, badRequest("not-supported", "%s is given %d times: once is supported", name, len(values[name]))
		}
		for _, value := range values[name] {
			switch name {
			case "patient", "patient:Patient":
				q.Patient, err = idOf(value, "Patient", base)
			case "agent", "agent:Practitioner":
				q.Agent, err = idOf(value, "Practitioner", base)
			case "entity":
				if q.What = strings.TrimPrefix(value, base+"/"); q.What == "" {
					err = errors.New("want a type, or Type/<id>")
				}
				if id, ok := strings.CutPrefix(q.What, "Patient/"); ok {
					q.What, q.Patient = "", id // a dossier that was shown is an entity
				}
			case "date":
				err = narrow(value, &q.From, &q.Before)
			case "_count":
				q.Limit, err = parseCount(value)
			case cursorParameter:
				q.After = value
			default:
				return q, nil, badRequest("not-supported", "AuditEvent cannot be searched by %s, nor are its answers ordered, cut or counted: want patient, agent, entity, date, _count", name)
			}
			if err != nil {
				return q, nil, badRequest("value", "%s=%s: %v", name, value, err)
			}
			if name != cursorParameter {
				used.Add(name, value)
			}
		}
	}
	return q, used, nil
}

// idOf is the id in a reference to a type, or an id alone.
func idOf(value, typ, base string) (string, error) {
	id := strings.TrimPrefix(strings.TrimPrefix(value, base+"/"), typ+"/")
	if err := events.ValidateID("id", id); err != nil {
		return "", fmt.Errorf("want %s/<id>", typ)
	}
	return id, nil
}

type auditAgent struct {
	Who       reference `json:"who"`
	Requestor bool      `json:"requestor"`
}

type auditEntity struct {
	What        *reference `json:"what,omitempty"`
	Type        *coding    `json:"type,omitempty"`
	Role        *coding    `json:"role,omitempty"`
	Description string     `json:"description,omitempty"`
}

// Systems of AuditEvent.
const (
	auditTypes    = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactions  = "http://hl7.org/fhir/restful-interaction"
	dicom         = "http://dicom.nema.org/resources/ontology/DCM"
	entityTypes   = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRoles   = "http://terminology.hl7.org/CodeSystem/object-role"
	rolePatient   = "1"
	typePerson    = "1"
	typeSystem    = "2"
	actionRead    = "R"
	actionExecute = "E"
)

// auditEvent is an entry of the trail as FHIR has it.
func auditEvent(e trail.Entry, who reference) []byte {
	kind, subtype, action := coding{auditTypes, "rest"}, coding{interactions, string(e.Did)}, actionExecute
	switch e.Did {
	case "read", "vread", "history-instance":
		action = actionRead
	case trail.LogIn:
		kind, subtype = coding{dicom, "110114"}, coding{dicom, "110122"}
	case trail.Export:
		kind, subtype = coding{dicom, "110106"}, coding{interactions, "operation"}
	case trail.HubPublish, trail.HubRevoke: // no interaction of FHIR
		subtype.System = eventTag.System
	case trail.Gap:
		kind, subtype = coding{dicom, "110101"}, eventTag
	}
	var entities []auditEntity
	if e.What != "" || len(e.Query) > 0 || e.Lost > 0 {
		about := auditEntity{Type: &coding{entityTypes, typeSystem}}
		if strings.Contains(e.What, "/") {
			about.What = &reference{Reference: e.What}
		} else if e.What != "" {
			about.Description = e.What
		}
		if len(e.Query) > 0 {
			about.Description = strings.TrimSpace(about.Description + " by " + strings.Join(e.Query, ", "))
		}
		if e.Lost > 0 {
			about.Description = fmt.Sprintf("%d entries before this one could not be kept", e.Lost)
		}
		entities = append(entities, about)
	}
	for _, p := range e.Patients {
		entities = append(entities, auditEntity{What: &reference{Reference: "Patient/" + p}, Type: &coding{entityTypes, typePerson}, Role: &coding{objectRoles, rolePatient}})
	}
	at := e.At.UTC().Format(instant)
	return encode(struct {
		ResourceType string         `json:"resourceType"`
		ID           string         `json:"id"`
		Meta         provenanceMeta `json:"meta"`
		Type         coding         `json:"type"`
		Subtype      []coding       `json:"subtype"`
		Action       string         `json:"action"`
		Recorded     string         `json:"recorded"`
		Outcome      string         `json:"outcome"`
		Agent        []auditAgent   `json:"agent"`
		Source       any            `json:"source"`
		Entity       []auditEntity  `json:"entity,omitempty"`
	}{
		"AuditEvent", auditID + e.ID.String(), provenanceMeta{lookVersion, at, []coding{eventTag}}, kind, []coding{subtype}, action, at, "0",
		[]auditAgent{{who, true}},
		map[string]any{"site": e.Door, "observer": reference{Reference: "Device/" + e.Device}}, entities,
	})
}

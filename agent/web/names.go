package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/carelog/carelog/events"
)

// names are the names behind the ids of one page, each read once. Who may not be read here goes by the id.
type names struct {
	ctx     context.Context
	records Records
	said    *spoken
	known   map[string]string
	desks   map[string]string // nil: not read yet
}

func (h *Handler) newNames(r *http.Request, said *spoken) *names {
	return &names{ctx: r.Context(), records: h.records, said: said, known: make(map[string]string)}
}

// who names a Practitioner.
func (n *names) who(id string) string {
	if id == "" {
		return n.said.has("user", "nobody")
	}
	return firstOf(n.person("Practitioner", id), id)
}

// patient names a Patient.
func (n *names) patient(id string) string {
	return firstOf(n.person("Patient", id), n.said.has("patients", "unnamed"))
}

// born is when a Patient was, in words; empty where nobody knows.
func (n *names) born(id string) string {
	state, err := n.records.Record(n.ctx, events.Record{Type: "Patient", ID: id})
	if err != nil {
		return ""
	}
	if date := textAt(readResource(state.Shown.Body), "birthDate"); date != "" {
		return n.said.must("dossier.bornOn", n.said.date(date))
	}
	return ""
}

// medicine is the name of the Medication that a resource refers to without naming it; empty where it
// names one itself, or the Medication is not here.
func (n *names) medicine(r object) string {
	kind, id, _ := strings.Cut(textAt(r, "medicationReference", "reference"), "/")
	if kind != "Medication" || medicineOf(r) != "" {
		return ""
	}
	return n.medication(id)
}

func (n *names) medication(id string) string {
	record := events.Record{Type: "Medication", ID: id}
	if record.Validate() != nil {
		return ""
	}
	if name, ok := n.known[record.String()]; ok {
		return name
	}
	name := ""
	if state, err := n.records.Record(n.ctx, record); err == nil {
		name = medicineNamed(readResource(state.Shown.Body))
	}
	n.known[record.String()] = name
	return name
}

// referred is the name of what a reference leads to, where it is somebody or a medicine that is here; else empty.
func (n *names) referred(reference string) string {
	kind, id, _ := strings.Cut(reference, "/")
	switch kind {
	case "Practitioner", "Patient", "RelatedPerson":
		return n.person(kind, id)
	case "Medication":
		return n.medication(id)
	}
	return ""
}

// about is describe with the name of the medicine that a resource refers to.
func (n *names) about(r object) said {
	d := n.said.describe(r)
	d.Title = firstOf(n.medicine(r), d.Title)
	return d
}

// person is empty for who is not here.
func (n *names) person(kind, id string) string {
	record := events.Record{Type: kind, ID: id}
	if name, ok := n.known[record.String()]; ok {
		return name
	}
	name := ""
	if record.Validate() == nil {
		if state, err := n.records.Record(n.ctx, record); err == nil {
			if body := readResource(state.Shown.Body); body != nil {
				name = n.said.personName(body)
			}
		}
	}
	n.known[record.String()] = name
	return name
}

// where names a PC.
func (n *names) where(id string) string {
	if id == "" {
		return n.said.has("unknown", "")
	}
	if n.desks == nil {
		n.desks = make(map[string]string)
		devices, err := n.records.Devices(n.ctx)
		if err == nil { // else by their ids
			for _, d := range devices {
				n.desks[d.ID] = d.Name
			}
		}
	}
	return firstOf(n.desks[id], id)
}

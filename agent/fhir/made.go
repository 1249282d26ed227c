package fhir

import (
	"net/http"

	"github.com/carelog/carelog/events"
)

// made finds what stands at a path of Provenance or AuditEvent: beside records of these
// types there are those that this desk makes of the log and of the trail, which nobody
// writes. A Provenance of ours has the id of an event, which no other may take; an
// AuditEvent is never written here at all.
func (h *Handler) made(steps []string, record *events.Record) (map[string]answer, bool) {
	search, read := h.provenances, h.provenanceRead
	if record.Type == "AuditEvent" {
		search, read = h.auditSearch, h.auditRead
	}
	if len(steps) == 1 {
		methods := map[string]answer{http.MethodGet: search}
		if record.Type == "Provenance" {
			methods[http.MethodPost] = h.change
		}
		return methods, true
	}
	if len(steps) == 2 && steps[1] == "_search" {
		return map[string]answer{http.MethodPost: search}, true
	}
	if events.ValidateID("id", steps[1]) != nil {
		return nil, false
	}
	if len(steps) > 2 {
		return h.onlyVersion(steps, record)
	}
	record.ID = steps[1]
	if _, err := events.ParseID(record.ID); err != nil && record.Type == "Provenance" {
		return nil, false // a record like any other
	}
	return map[string]answer{http.MethodGet: read}, true
}

// makes reports whether there are more of a type than its records, which nobody counts.
func (h *Handler) makes(typ string) bool {
	return typ == "Provenance" || typ == "AuditEvent" && h.looks != nil
}

// onlyVersion finds the history of what this desk makes, and the one version in it: of a
// Provenance that is the event.
func (h *Handler) onlyVersion(steps []string, record *events.Record) (map[string]answer, bool) {
	of := events.Record{Type: record.Type, ID: steps[1]}
	history, read, version := h.provenanceHistory, h.provenanceRead, of.ID
	_, err := events.ParseID(of.ID)
	ours := err == nil
	if record.Type == "AuditEvent" {
		history, read, version = h.auditHistory, h.auditRead, lookVersion
		_, ours = lookID(of)
	}
	if !ours || steps[2] != "_history" {
		return nil, false
	}
	*record = of
	switch {
	case len(steps) == 3:
		return map[string]answer{http.MethodGet: history}, true
	case steps[3] == version:
		return map[string]answer{http.MethodGet: read}, true
	}
	return nil, false
}

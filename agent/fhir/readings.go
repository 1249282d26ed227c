package fhir

import (
	"net/http"

	"github.com/carelog/carelog/events"
)

// readings finds what stands at a path beside records and searches: histories, and the
// stream of what comes in.
func (h *Handler) readings(steps []string) (methods map[string]answer, record events.Record, ok bool) {
	get := func(serve answer) map[string]answer { return map[string]answer{http.MethodGet: serve} }
	if methods, ok := h.exportRoute(steps); ok {
		return methods, record, true
	}
	last := steps[len(steps)-1]
	switch {
	case len(steps) == 1 && last == "_history":
		return get(h.history), record, true
	case len(steps) == 1 && last == eventsStep && h.streams.changed != nil:
		return get(h.events), record, true
	}
	if _, isType := resourceTypes[steps[0]]; !isType {
		return nil, record, false
	}
	record.Type = steps[0]
	switch {
	case len(steps) == 2 && last == "_history":
		return get(h.history), record, true
	case h.makes(record.Type):
		if methods, ok := h.made(steps, &record); ok {
			return methods, record, true
		}
	}
	if len(steps) < 3 || events.ValidateID("id", steps[1]) != nil {
		return nil, record, false
	}
	record.ID = steps[1]
	if len(steps) == 3 && last == "_history" {
		return get(h.history), record, true
	}
	if len(steps) == 3 && last == "$everything" && record.Type == "Patient" {
		return get(h.everything), record, true
	}
	return nil, record, false
}

// isStream reports whether what stands at a path is no resource, so that who accepts
// something else than FHIR is right.
func isStream(steps []string) bool {
	return len(steps) > 0 && (steps[0] == eventsStep || steps[0] == exportSteps)
}

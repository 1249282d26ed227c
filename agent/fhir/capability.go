package fhir

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// metadata answers with the CapabilityStatement.
func (h *Handler) metadata(w http.ResponseWriter, _ *http.Request, _ events.Record) error {
	send(w, http.StatusOK, h.capabilities)
	return nil
}

type code struct {
	Code string `json:"code"`
}

type searchParam struct {
	Name          string `json:"name"`
	Type          string `json:"type"`
	Documentation string `json:"documentation,omitempty"`
}

type operation struct {
	Name          string `json:"name"`
	Definition    string `json:"definition"`
	Documentation string `json:"documentation"`
}

// capability is what can be done with the records of one type.
type capability struct {
	Type              string        `json:"type"`
	Interaction       []code        `json:"interaction"`
	Versioning        string        `json:"versioning"`
	ReadHistory       bool          `json:"readHistory"`
	UpdateCreate      bool          `json:"updateCreate"`
	ConditionalCreate bool          `json:"conditionalCreate"`
	ConditionalRead   string        `json:"conditionalRead"`
	ConditionalUpdate bool          `json:"conditionalUpdate"`
	ConditionalDelete string        `json:"conditionalDelete"`
	ReferencePolicy   []string      `json:"referencePolicy"`
	SearchParam       []searchParam `json:"searchParam"`
	Operation         []operation   `json:"operation"`
}

// notes says in the CapabilityStatement what a client would otherwise find out late.
const notes = `Resources are kept byte for byte; meta.versionId, meta.lastUpdated and tags of https://carelog.eu/fhir/CodeSystem/sync belong to the server. ` +
	`A version id is the id of an event and the same on every desk of the practice; do not order by it. meta.lastUpdated is when the version came to this desk. ` +
	`Checked are the JSON itself, type, id and the reference to the patient; cardinalities, bindings, profiles and invariants are not. ` +
	`A record in conflict carries the tag conflict: $conflicts shows all heads, $resolve or an If-Match with several ETags settles it. ` +
	`The header Carelog-Queued: true says that the server does not have a change yet. ` +
	`A transaction is written as a whole or not at all, here and on the server; one that is queued is sent as a whole. It has at most 1000 entries; what it reads is answered after it was written, and does not undo it. ` +
	`Of a conditional change the criteria must be understood in full; one that matches several records is refused, and so is a conditional delete: it never deletes more than one. ` +
	`What two desks create at the same time with the same criteria is one record; offline each desk makes a version of it. ` +
	`A patch is for the version that If-Match names, or for the one shown. ` +
	`A conditional read is answered 304 by If-None-Match and If-Modified-Since, but never of a record in conflict.`

var operations = []operation{
	{"conflicts", "https://carelog.eu/fhir/OperationDefinition/conflicts",
		"GET [type]/[id]/$conflicts: a collection of every head, the version they descend from, and a Provenance of each; entry.link.relation is head or ancestor"},
	{"resolve", "https://carelog.eu/fhir/OperationDefinition/resolve",
		"POST [type]/[id]/$resolve with Parameters: head (valueId) for every head seen, and keep (valueId of a head) or resource; 412 with the heads that stand where they have changed"},
}

var parameterNotes = map[string]string{
	"_tag":       "only https://carelog.eu/fhir/CodeSystem/sync|conflict: the records in conflict",
	"patient":    "the dossier that the record belongs to",
	"subject":    "the same as patient",
	"name":       "words of any part of the name, each from its beginning, whatever the case and accents",
	"birthdate":  "no prefix but eq",
	"identifier": "value, system|value, |value or system|",
}

// capabilities is the CapabilityStatement: what the routes and the table of parameters
// say, and no more.
func capabilities(version string, started time.Time) []byte {
	if version == "" {
		version = "unknown"
	}
	type software struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	type rest struct {
		Mode          string            `json:"mode"`
		Documentation string            `json:"documentation"`
		Security      map[string]string `json:"security"`
		Resource      []capability      `json:"resource"`
		Interaction   []code            `json:"interaction"`
	}
	return encode(struct {
		ResourceType   string            `json:"resourceType"`
		Status         string            `json:"status"`
		Date           string            `json:"date"`
		Kind           string            `json:"kind"`
		Software       software          `json:"software"`
		Implementation map[string]string `json:"implementation"`
		FHIRVersion    string            `json:"fhirVersion"`
		Format         []string          `json:"format"`
		PatchFormat    []string          `json:"patchFormat"`
		Rest           []rest            `json:"rest"`
	}{
		"CapabilityStatement", "active", started.UTC().Format(time.RFC3339), "instance",
		software{"carelog", version}, map[string]string{"description": "the records of one practice, on one of its desks, online and offline"},
		"4.0.1", []string{"application/fhir+json", "json"}, []string{patchType},
		[]rest{{
			"server", notes,
			map[string]string{"description": "loopback only, with a bearer token; no cross-origin requests"},
			typeCapabilities(),
			[]code{{"transaction"}, {"batch"}},
		}},
	})
}

func typeCapabilities() []capability {
	var list []capability
	for _, typ := range slices.Sorted(maps.Keys(resourceTypes)) {
		c := capability{
			Type:        typ,
			Interaction: []code{{"read"}, {"vread"}, {"update"}, {"patch"}, {"delete"}, {"history-instance"}, {"create"}, {"search-type"}},
			Versioning:  "versioned", ReadHistory: true, UpdateCreate: true,
			ConditionalCreate: true, ConditionalRead: "full-support", ConditionalUpdate: true, ConditionalDelete: "single",
			ReferencePolicy: []string{"literal"}, Operation: operations,
		}
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if p := parameters[name]; p.kind != "" && resourceTypes[typ]&p.needs == p.needs {
				c.SearchParam = append(c.SearchParam, searchParam{name, p.kind, parameterNotes[name]})
			}
		}
		list = append(list, c)
	}
	return list
}

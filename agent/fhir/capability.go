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
	`The content of a Binary is kept beside it, up to 50 MiB: it is sent and read as it is, with ranges, or as data of the resource with Accept: application/fhir+json; ` +
	`searches, histories and answers to writes have a reference in its place. application/json is taken for the resource. ` +
	`The header Carelog-Queued: true says that the server does not have a change yet.`

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
		Rest           []rest            `json:"rest"`
	}{
		"CapabilityStatement", "active", started.UTC().Format(time.RFC3339), "instance",
		software{"carelog", version}, map[string]string{"description": "the records of one practice, on one of its desks, online and offline"},
		"4.0.1", []string{"application/fhir+json", "json"},
		[]rest{{
			"server", notes,
			map[string]string{"description": "loopback only, with a bearer token; no cross-origin requests"},
			typeCapabilities(),
		}},
	})
}

func typeCapabilities() []capability {
	var list []capability
	for _, typ := range slices.Sorted(maps.Keys(resourceTypes)) {
		c := capability{
			Type:        typ,
			Interaction: []code{{"read"}, {"vread"}, {"update"}, {"delete"}, {"history-instance"}, {"create"}, {"search-type"}},
			Versioning:  "versioned", ReadHistory: true, UpdateCreate: true,
			ConditionalRead: "not-match", ConditionalDelete: "not-supported",
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

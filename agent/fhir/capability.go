package fhir

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirsearch"
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
	Documentation     string        `json:"documentation,omitempty"`
	Interaction       []code        `json:"interaction"`
	Versioning        string        `json:"versioning"`
	ReadHistory       bool          `json:"readHistory"`
	UpdateCreate      bool          `json:"updateCreate"`
	ConditionalCreate bool          `json:"conditionalCreate"`
	ConditionalRead   string        `json:"conditionalRead"`
	ConditionalUpdate bool          `json:"conditionalUpdate"`
	ConditionalDelete string        `json:"conditionalDelete"`
	ReferencePolicy   []string      `json:"referencePolicy"`
	SearchInclude     []string      `json:"searchInclude,omitempty"`
	SearchRevInclude  []string      `json:"searchRevInclude,omitempty"`
	SearchParam       []searchParam `json:"searchParam"`
	Operation         []operation   `json:"operation,omitempty"`
}

// notes says in the CapabilityStatement what a client would otherwise find out late.
const notes = `Resources are kept byte for byte; meta.versionId, meta.lastUpdated and tags of https://carelog.eu/fhir/CodeSystem/sync belong to the server. ` +
	`A version id is the id of an event and the same on every desk of the practice; do not order by it. meta.lastUpdated is when the version came to this desk; where several stand, when the last of them came. ` +
	`Checked are the JSON itself (400) and the structure of R4: elements, cardinalities, choices, primitive types, dates, required codes, and the reference to the patient (422, ` +
	`with an issue and its expression for each thing that is wrong). Profiles, invariants, open bindings and the texts of narratives are not: what is unknown there is kept as it is. ` +
	`Records of the other types of R4 are kept as well where they come, byte for byte with all their versions, but are found by their id alone: no more is promised of them than that they are not lost. ` +
	`A Subscription is refused: nobody would be called back. ` +
	`What a reference points to need not be there: the patient of a record may come later. To delete a Patient deletes no other record; what was written of them is still found and given out by $everything. ` +
	`The header Carelog-Warning says what is doubtful and was kept, such as an SSIN whose check digits do not fit; Prefer: return=OperationOutcome has it as issues. ` +
	`A record in conflict carries the tag conflict: $conflicts shows all heads, $resolve or an If-Match with several ETags settles it. ` +
	`The content of a Binary is kept beside it, up to 50 MiB: it is sent and read as it is, with ranges, or as data of the resource with Accept: application/fhir+json; ` +
	`searches, histories and answers to writes have a reference in its place. application/json is taken for the resource. ` +
	`The header Carelog-Queued: true says that the server does not have a change yet. ` +
	`A transaction is written as a whole or not at all, here and on the server; one that is queued is sent as a whole. It has at most 1000 entries; what it reads is answered after it was written, and does not undo it. ` +
	`Of a conditional change the criteria must be understood in full; one that matches several records is refused, and so is a conditional delete: it never deletes more than one. Of a record in conflict it is 412 with the heads, unless If-Match names some. ` +
	`What two desks create at the same time with the same criteria is one record; offline each desk makes a version of it. ` +
	`A patch is for the version that If-Match names, or for the one shown. ` +
	`A conditional read is answered 304 by If-None-Match and If-Modified-Since, but never of a record in conflict.`

var operations = []operation{
	{"conflicts", "https://carelog.eu/fhir/OperationDefinition/conflicts",
		"GET [type]/[id]/$conflicts: a collection of every head, the version they descend from, and a Provenance of each; entry.link.relation is head or ancestor"},
	{"resolve", "https://carelog.eu/fhir/OperationDefinition/resolve",
		"POST [type]/[id]/$resolve with Parameters: head (valueId) for every head seen, and keep (valueId of a head) or resource; 412 with the heads that stand where they have changed"},
}

// kindNotes say how a parameter is asked; nameNotes what else there is to know of one.
var kindNotes = map[fhirsearch.Kind]string{
	fhirsearch.KindToken:     "code, system|code, |code or system|; :not, :missing",
	fhirsearch.KindDate:      "eq ne gt lt ge le sa eb ap; :missing; a day without a time zone is the day as it is written in the record",
	fhirsearch.KindString:    "words, each from its beginning, whatever the case and accents; :exact, :missing",
	fhirsearch.KindReference: "Type/id, id or URL; :Type, :missing",
	fhirsearch.KindQuantity:  "number, number|system|code or number||unit, with eq ne gt lt ge le sa eb ap; :missing; units are not converted",
	fhirsearch.KindURI:       "the whole URI; :missing",
}

// addedNote says of a parameter that a client does not find in the specification.
const addedNote = "; an addition of this server: R4 does not define it for this type"

var nameNotes = map[string]string{
	fhirsearch.ParamID:          "one or several ids",
	fhirsearch.ParamLastUpdated: "when the version came to this desk, or the last of several that stand; eq ne gt lt ge le sa eb ap",
	fhirsearch.ParamTag:         "https://carelog.eu/fhir/CodeSystem/sync|conflict: the records in conflict; :not, :missing",
}

// capabilities is the CapabilityStatement: what the routes and the table of parameters
// say, and no more.
func capabilities(c Config) []byte {
	version := cmp.Or(c.Version, "unknown")
	interactions, operations := c.offerAll()
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
		Operation     []operation       `json:"operation,omitempty"`
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
		"CapabilityStatement", "active", c.Started.UTC().Format(time.RFC3339), "instance",
		software{"carelog", version}, map[string]string{"description": "the records of one practice, on one of its desks, online and offline"},
		"4.0.1", []string{"application/fhir+json", "json"}, []string{patchType},
		[]rest{{
			"server", notes + readingNotes,
			map[string]string{"description": "loopback only, with a bearer token for all but metadata; no cross-origin requests"},
			typeCapabilities(c), append([]code{{"transaction"}, {"batch"}}, interactions...), operations,
		}},
	})
}

func typeCapabilities(config Config) []capability {
	var list []capability
	for _, typ := range slices.Sorted(maps.Keys(resourceTypes)) {
		if !config.offers(typ) {
			continue
		}
		c := capability{
			Type:        typ,
			Interaction: []code{{"read"}, {"vread"}, {"update"}, {"patch"}, {"delete"}, {"history-instance"}, {"create"}, {"search-type"}},
			Versioning:  "versioned", ReadHistory: true, UpdateCreate: true,
			ConditionalCreate: true, ConditionalRead: "full-support", ConditionalUpdate: true, ConditionalDelete: "single",
			ReferencePolicy: []string{"literal"}, Operation: operations,
		}
		for _, p := range fhirsearch.Parameters(typ) {
			note, ok := nameNotes[p.Name]
			if !ok {
				note = kindNotes[p.Kind]
			}
			if fhirsearch.Added(typ, p.Name) {
				note += addedNote
			}
			c.SearchParam = append(c.SearchParam, searchParam{p.Name, string(p.Kind), note})
			if p.Kind == fhirsearch.KindReference {
				c.SearchInclude = append(c.SearchInclude, typ+":"+p.Name)
			}
		}
		for _, other := range slices.Sorted(maps.Keys(resourceTypes)) {
			for _, p := range fhirsearch.Parameters(other) {
				if p.PointsAt(typ) {
					c.SearchRevInclude = append(c.SearchRevInclude, other+":"+p.Name)
				}
			}
		}
		config.offer(&c)
		list = append(list, c)
	}
	return list
}

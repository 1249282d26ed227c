package fhir

import (
	"slices"

	"github.com/carelog/carelog/projections/fhirsearch"
)

// offers reports whether the CapabilityStatement names a type: by it something is found.
func (c Config) offers(typ string) bool {
	return fhirsearch.Found(typ) || typ == "AuditEvent" && c.Trail != nil
}

// offer adds to what can be done with the records of a type what is read beside them.
func (c Config) offer(t *capability) {
	t.Interaction = append(t.Interaction, code{"history-type"})
	switch t.Type {
	case "Patient":
		t.Operation = slices.Concat(t.Operation, []operation{{"everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything",
			"GET Patient/[id]/$everything with _since, _type, _count: the dossier, and the practice's own records that it refers to; written while it is read"}})
		if c.Exports != nil {
			t.Operation = append(t.Operation, operation{"patient-export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
				"GET Patient/$export: as $export, of what is in a patient's dossier"})
		}
	case "Provenance":
		t.Documentation = "Provenance/[version id] is made of the log for every version there is, with one version of its own, and cannot be written; a search finds these first, newest first, and then what clients wrote. It is not counted (_summary=count, _total=accurate and _count=0 are refused), ordered, or answered with other records"
		t.SearchInclude, t.SearchRevInclude = nil, nil
		t.ConditionalUpdate, t.ConditionalDelete = false, "not-supported"
		t.SearchParam = append(t.SearchParam,
			searchParam{"agent", "reference", "Practitioner/[id] or Device/[id]: who made the version; of those of the log alone"},
			searchParam{"recorded", "date", "when, by the clock of the author's desk; of those of the log alone"},
			searchParam{"target", "reference", "Type/[id], or Type/[id]/_history/[version]; of those of the log alone"})
	case "AuditEvent":
		if c.Trail == nil {
			return
		}
		t.Documentation = "who looked at what, at whichever desk of the practice (source.observer); made by the desks and not to be written or deleted here. The other desks send theirs about once a minute; offline this desk has its own alone, and says so"
		t.Interaction = []code{{"read"}, {"vread"}, {"history-instance"}, {"history-type"}, {"search-type"}}
		t.UpdateCreate, t.ConditionalCreate, t.ConditionalUpdate = false, false, false
		t.ConditionalRead, t.ConditionalDelete = "not-supported", "not-supported"
		t.Operation, t.SearchInclude, t.SearchRevInclude = nil, nil, nil
		t.SearchParam = []searchParam{
			{"agent", "reference", "Practitioner/[id]: who looked"}, {"date", "date", "when, by the desk's clock"},
			{"entity", "reference", "the record that was looked at, a type, or Patient/[id]: a dossier of which something was shown"},
			{"patient", "reference", "of whose dossier something was shown"},
		}
	}
}

// offerAll is what can be done with all records at once.
func (c Config) offerAll() (interactions []code, operations []operation) {
	interactions = []code{{"history-system"}}
	if c.Exports != nil {
		operations = append(operations, operation{"export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
			"GET $export with Prefer: respond-async, _since, _type: NDJSON by type as of one moment; a record in conflict goes out as it is shown, and once more with all its versions in conflicts.ndjson"})
	}
	return interactions, operations
}

// readingNotes says how to follow what comes in.
const readingNotes = ` To miss nothing that comes in, ask _history?_since with the lastUpdated of the Bundle, or of the last version, that was seen: what comes later has that time or a later one, whenever it was written; ` +
	`or read /fhir/_events, server-sent events that resume by Last-Event-ID: change (kind, type, id, versionId, patient, lastUpdated), and reset, after which the history since the last lastUpdated has what was missed.`

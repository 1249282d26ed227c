package sumehr

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/check"
)

// kinds make the items of a record, by its type. An error says that the record has another
// form than FHIR's.
var kinds = map[string]func(*candidate, []byte) error{
	"RelatedPerson": related, "CareTeam": team,
	"Condition": problem, "AllergyIntolerance": intolerance,
	"Observation": observed, "Flag": flagged, "FamilyMemberHistory": family, "RiskAssessment": assessed,
	"Procedure": treatment, "CarePlan": planned,
	"MedicationStatement": statement, "MedicationRequest": request,
	"Immunization": vaccinated, "Consent": will,
}

// Types are those of which a Sumehr reads every record in the dossier, in order; what else it
// needs, References names.
func Types() []string {
	return slices.Sorted(slices.Values(slices.AppendSeq([]string{"Patient", "Composition"}, maps.Keys(kinds))))
}

// candidate is a version of a record, and what becomes of it. Only of the one that is shown
// items are made; of the others it is only told whether there would be any.
type candidate struct {
	*builder
	record events.Record
	shown  bool
	goesIn bool
}

// read reads the version into a part of FHIR.
func read(body []byte, into any) error { return json.Unmarshal(body, into) }

// add takes an item in, unless it must be held back.
func (c *candidate) add(h head, e entry) {
	if h.marked(MarkIrrelevant) {
		return
	}
	c.goesIn = true
	if !c.shown {
		return
	}
	if h.confidential() {
		c.withheld = true
		c.hide(e.kind)
		return
	}
	e.record = c.record
	c.entries = append(c.entries, e)
}

// say finds something in what is shown; of the other heads nothing is said.
func (c *candidate) say(rule check.Rule, r events.Record, args ...string) {
	if c.shown {
		c.find(rule, r, args...)
	}
}

// hide notes that it cannot be said that nothing of a kind is known.
func (b *builder) hide(kind string) {
	if b.unsure == nil {
		b.unsure = map[string]bool{}
	}
	b.unsure[kind] = true
}

// doubt notes the same for whatever a record could have been.
func (b *builder) doubt(r events.Record) {
	for _, kind := range []string{"problem", "treatment"} {
		b.hide(kind)
	}
	b.use(r)
}

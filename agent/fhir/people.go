package fhir

import (
	"cmp"
	"context"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// numberSystems are those of the numbers by which a care provider is known outside of the
// practice: of the health insurance first, then the national one.
var numberSystems = []string{
	"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi",
	"https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi-professional",
	"urn:oid:2.16.840.1.113883.3.6777.5.2",
	structure.SSIN,
	"urn:oid:2.16.840.1.113883.3.6777.5.1",
}

// people names those who wrote and looked, in one answer.
type people struct {
	handler *Handler
	ctx     context.Context
	known   map[string]reference
}

func (h *Handler) people(ctx context.Context) *people {
	return &people{h, ctx, make(map[string]reference)}
}

// practitioner refers to whoever wrote or looked, by the id of their record.
func practitioner(id string) reference {
	if id == "" {
		return reference{Display: "not named"}
	}
	return reference{Reference: "Practitioner/" + id}
}

// who is practitioner, with the number that their record has as it stands now, where it is here.
func (p *people) who(id string) reference {
	who, known := p.known[id]
	if known || id == "" {
		return cmp.Or(who, practitioner(id))
	}
	who = practitioner(id)
	if state, err := p.handler.records.Record(p.ctx, events.Record{Type: "Practitioner", ID: id}); err == nil {
		who.Identifier = numberOf(state.Shown.Body)
	}
	p.known[id] = who
	return who
}

// numberOf is the number by which a Practitioner is known; nil where there is none.
func numberOf(practitioner []byte) (number *identifier) {
	best := len(numberSystems)
	_ = fhirjson.Visit(practitioner, func(resource fhirjson.Element) { // what cannot be read has none
		resource.Each([]string{"identifier"}, func(i fhirjson.Element) {
			found := identifier{i.Text("system"), i.Text("value")}
			if rank := slices.Index(numberSystems, found.System); rank >= 0 && rank < best && found.Value != "" && i.Text("use") != "old" {
				best, number = rank, &found
			}
		})
	})
	return number
}

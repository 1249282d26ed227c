package bench

import (
	"context"
	"errors"
	"iter"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// author is the Practitioner that every change names.
const author = "practitioner-1"

// Seeds of the synthetic practices: two runs measure the same bytes. A log that goes on
// goes on with other patients.
const (
	firstSeed = 1
	laterSeed = 1000
)

// seed is one that nobody has drawn from on this ground since its log was filled.
func (g *ground) seed() uint64 {
	g.seeds++
	return laterSeed + g.seeds
}

// unending is how many patients are there to be drawn from; nobody draws them all.
const unending = 1 << 30

// drafts yields the records of a synthetic practice, each once, as changes to be made.
func drafts(ctx context.Context, seed uint64) iter.Seq2[agent.Draft, error] {
	return func(yield func(agent.Draft, error) bool) {
		for r := range synthetic.Generate(ctx, synthetic.Options{Patients: unending, Seed: seed}) {
			patient, err := fhirjson.PatientOf(r.Body, structure.IsType)
			d := agent.Draft{Record: events.Record{Type: r.Type, ID: r.ID}, Patient: patient, Author: author, Body: r.Body}
			if !yield(d, err) || err != nil {
				return
			}
		}
		yield(agent.Draft{}, errors.Join(errNoMore, ctx.Err()))
	}
}

var errNoMore = errors.New("the synthetic practice has no more records")

package behind

import (
	"context"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// Dossiers is where records are read. Record answers projections.ErrNotFound where there is none.
type Dossiers interface {
	Dossier(ctx context.Context, patient string, types ...string) ([]projections.State, error)
	Record(ctx context.Context, r events.Record) (projections.State, error)
}

// types are those that are read of a dossier.
var types = standing.Types()

// Gather returns what a Sumehr reads of a dossier and what that refers to, as they stand at this moment, for a Sumehr
// that author answers for; missing are those that could not be had.
func Gather(ctx context.Context, from Dossiers, patient, author string) (records []sumehr.Record, missing []events.Record, err error) {
	states, err := from.Dossier(ctx, patient, types...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the dossier of %s for the Sumehr: %w", patient, err)
	}
	records = asRecords(states)
	tried := map[events.Record]bool{}
	for more := true; more; {
		more = false
		for _, wanted := range sumehr.References(records, author) {
			if tried[wanted] {
				continue
			}
			tried[wanted] = true
			s, err := from.Record(ctx, wanted)
			if errors.Is(err, projections.ErrNotFound) {
				missing = append(missing, wanted)
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("read %s for the Sumehr: %w", wanted, err)
			}
			records, more = append(records, asRecord(s)), true
		}
	}
	return records, missing, nil
}

func asRecords(states []projections.State) []sumehr.Record {
	records := make([]sumehr.Record, len(states))
	for i, s := range states {
		records[i] = asRecord(s)
	}
	return records
}

// asRecord is a record as it is shown; the other heads stand behind only in a conflict.
func asRecord(s projections.State) sumehr.Record {
	heads := []projections.Version{s.Shown}
	if s.Conflict {
		heads = s.Heads
	}
	r := sumehr.Record{Record: s.Record}
	for _, v := range heads {
		r.Heads = append(r.Heads, sumehr.Head{Version: v.Event.ID, Body: v.Body, Unopened: v.Doubt != ""})
	}
	return r
}

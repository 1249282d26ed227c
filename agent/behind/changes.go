package behind

import (
	"context"
	"errors"
	"slices"

	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// atOnce is how many changes or Consents are read from the store at a time.
const atOnce = 500

// note finds out which patients must be read again.
func (t *Table) note(ctx context.Context) error {
	if !t.started {
		return t.begin(ctx)
	}
	for {
		list, err := t.records.Changes(ctx, t.after, atOnce)
		if errors.Is(err, projections.ErrFeed) { // another file stands there
			t.forget()
			return t.begin(ctx)
		}
		if err != nil {
			return err
		}
		t.touch(list)
		if len(list) > 0 {
			t.after = list[len(list)-1].Mark
		}
		if len(list) < atOnce {
			return nil
		}
	}
}

// touch marks the patients that changes may concern: those whose Sumehr reads the record, be
// it in their dossier or not, and those of whom it may be a wish.
func (t *Table) touch(list []projections.Change) {
	if len(list) == 0 {
		return
	}
	changed, dossiers := map[uint64]bool{}, map[string]bool{}
	for _, c := range list {
		changed[t.hash(c.Record)] = true
		if slices.Contains(types, c.Record.Type) {
			dossiers[c.Patient] = true
		}
		if c.Record.Type == "Consent" && c.Patient != "" && !t.stale[c.Patient] {
			t.stale[c.Patient] = false
		}
	}
	for patient, e := range t.asked {
		if dossiers[patient] || slices.ContainsFunc(e.uses, func(used uint64) bool { return changed[used] }) {
			t.stale[patient] = true
		}
	}
}

// begin marks every patient of whom there is a Consent about the wish. Of one in conflict any
// version may be, which is then looked at.
func (t *Table) begin(ctx context.Context) (err error) {
	// The mark comes first: what changes while the Consents are listed is then seen again.
	if t.after, err = t.records.End(ctx); err != nil {
		return err
	}
	names, err := t.records.Names(ctx, projections.Want{Types: []string{"Consent"}, Dossiers: true})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(names, atOnce) {
		list, err := t.records.Listed(ctx, some)
		if err != nil {
			return err
		}
		for _, c := range list {
			one := sumehr.Record{Record: c.Event.Record, Heads: []sumehr.Head{{Version: c.Event.ID, Body: c.Body}}}
			if standing.Asked([]sumehr.Record{one}) {
				t.stale[c.Event.Patient] = true
			}
		}
	}
	conflicts, err := t.records.Conflicts(ctx)
	if err != nil {
		return err
	}
	for _, s := range conflicts {
		for _, h := range s.Heads {
			if s.Record.Type == "Consent" && h.Event.Patient != "" && !t.stale[h.Event.Patient] {
				t.stale[h.Event.Patient] = false
			}
		}
	}
	t.started = true
	return nil
}

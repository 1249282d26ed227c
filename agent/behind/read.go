package behind

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

const (
	// readers is how many dossiers are read at the same time: who works at this desk keeps
	// a processor of the usual four.
	readers = 2
	// readAtOnce is how many dossiers are read until what they said is kept.
	readAtOnce = 100
)

// catchUp reads again what changed. What it did before an error stays done.
func (t *Table) catchUp(ctx context.Context) error {
	if err := t.note(ctx); err != nil {
		return err
	}
	if day := t.now().Format(time.DateOnly); day != t.day {
		for patient := range t.asked {
			t.stale[patient] = true
		}
		t.day = day
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(t.stale)), readAtOnce) {
		if err := t.readSome(ctx, some); err != nil {
			return err
		}
	}
	n := 0
	for _, e := range t.asked {
		if e.facts.Wished && !e.facts.Newest() {
			n++
		}
	}
	t.behind.Store(int64(n))
	return nil
}

// readSome reads a few patients, side by side.
func (t *Table) readSome(ctx context.Context, patients []string) error {
	found, errs := make([]*entry, len(patients)), make([]error, len(patients))
	var next atomic.Int64
	var reading sync.WaitGroup
	for range min(readers, len(patients)) {
		reading.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(patients); i = next.Add(1) - 1 {
				found[i], errs[i] = t.read(ctx, patients[i], t.stale[patients[i]])
			}
		})
	}
	reading.Wait()
	for i, patient := range patients {
		switch {
		case errs[i] != nil:
			return errs[i]
		case found[i] == nil:
			delete(t.asked, patient)
		default:
			t.asked[patient] = *found[i]
		}
		delete(t.stale, patient)
	}
	return nil
}

// read takes in a patient; nil where no record is about the wish.
func (t *Table) read(ctx context.Context, patient string, sure bool) (*entry, error) {
	if !sure {
		consents, err := t.records.Dossier(ctx, patient, "Consent")
		if err != nil || !standing.Asked(asRecords(consents)) {
			return nil, err
		}
	}
	t.reads.Add(1)
	records, missing, err := Gather(ctx, t.records, patient, "")
	if err != nil || !standing.Asked(records) {
		return nil, err
	}
	e := &entry{facts: standing.Read(sumehr.Input{Patient: patient, Records: records, At: t.now()})}
	for _, r := range records {
		e.uses = append(e.uses, t.hash(r.Record))
	}
	for _, r := range missing {
		e.uses = append(e.uses, t.hash(r))
	}
	return e, nil
}

func (t *Table) hash(r events.Record) uint64 { return maphash.Comparable(t.seed, r) }

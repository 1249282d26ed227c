package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// measureDossier is how long a brand-new device takes, from the opening of its empty
// folder, until it shows a dossier that stands near the end of the log, while the rest
// is still coming. Beside it stands a consumer of that subject alone into bare rows,
// from the connection on.
func measureDossier(ctx context.Context, g *ground, report func(Figure) error) error {
	var ours, limit series
	for range g.Rounds {
		records, err := g.firstDossier(ctx, &ours)
		if err != nil {
			return err
		}
		if err := g.firstDossierBare(ctx, records, &limit); err != nil {
			return err
		}
	}
	return report(inTime("dossier", g.size, ours.median(), limit.median(), "a consumer of its subject alone into bare rows"))
}

// firstDossier clocks a new desk and returns how many records the dossier has.
func (g *ground) firstDossier(ctx context.Context, took *series) (records int, err error) {
	e, err := g.sheet.Enrol(g.name("desk"), "A desk")
	if err != nil {
		return 0, err
	}
	var d *desk
	err = took.clock(func() (err error) {
		if d, err = g.open(ctx, agent.Config{Enrolment: e, SnapshotEvery: -1}); err != nil {
			return err
		}
		d.run(ctx)
		err = d.await(ctx, func() (bool, error) {
			err := d.Need(ctx, g.late)
			if !errors.Is(err, agent.ErrIncomplete) {
				return err == nil, err
			}
			// Its line may come later than it waits for, and a small log is read to its end meanwhile.
			p, _, err := d.Store().Position(ctx)
			return p.Sequence >= uint64(g.size), err
		})
		if err != nil {
			return err
		}
		dossier, err := d.Store().Dossier(ctx, g.late)
		if records = len(dossier); err == nil && records < 2 {
			err = fmt.Errorf("the dossier of patient %s has %d records", g.late, records)
		}
		return err
	})
	if d != nil {
		err = errors.Join(err, g.discard(d))
	}
	return records, err
}

// firstDossierBare clocks the raw limit: each record was written once.
func (g *ground) firstDossierBare(ctx context.Context, records int, took *series) (err error) {
	table, err := openBare(g.file("bare"), normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	return took.clock(func() error {
		conn, err := g.dial(g.sheet)
		if err != nil {
			return err
		}
		defer conn.Close()
		return consume(ctx, conn, jetstream.OrderedConsumerConfig{
			FilterSubjects: []string{events.Subject(g.sheet.Practice, g.late)},
		}, records, table)
	})
}

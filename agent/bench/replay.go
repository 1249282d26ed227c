package bench

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
)

// measureReplay is the first sync of a new desk: it reads the whole log, checks and
// opens every event, and applies it to all its tables and indexes. Beside it stands
// an ordered consumer that puts the same messages as they come into a bare table.
func measureReplay(ctx context.Context, g *ground, report func(Figure) error) error {
	for _, n := range g.Sizes {
		s, err := g.practice(ctx)
		if err != nil {
			return err
		}
		if err := g.fill(ctx, s, n); err != nil {
			return err
		}
		var ours, limit series
		for range g.Rounds {
			if err := g.replayBare(ctx, s, n, &limit); err != nil {
				return err
			}
			if err := g.replay(ctx, s, uint64(n), &ours); err != nil {
				return err
			}
		}
		if err := report(inRate("replay", n, ours.median(), limit.median(), "an ordered consumer into bare rows")); err != nil {
			return err
		}
	}
	return nil
}

// replay clocks a new desk from its start until it has applied the last event.
func (g *ground) replay(ctx context.Context, s enrolment.Sheet, last uint64, took *series) error {
	d, err := g.desk(ctx, s)
	if err != nil {
		return err
	}
	err = took.clock(func() error {
		d.run(ctx)
		return d.reach(ctx, last)
	})
	return errors.Join(err, d.close())
}

// rowsInOne is the size of a bare transaction: that of the desk's own.
const rowsInOne = 2000

// replayBare clocks the raw limit of a replay, from the connection on.
func (g *ground) replayBare(ctx context.Context, s enrolment.Sheet, n int, took *series) (err error) {
	table, err := openBare(g.file("bare"), normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	return took.clock(func() error {
		conn, err := g.dial(s)
		if err != nil {
			return err
		}
		defer conn.Close()
		return consume(ctx, conn, events.Subjects(s.Practice), n, table)
	})
}

// consume reads n messages in order into a bare table.
func consume(ctx context.Context, conn *nats.Conn, subject string, n int, table *bareTable) error {
	messages, err := deliveries(ctx, conn, subject)
	if err != nil {
		return err
	}
	defer messages.Stop()
	rows := make([]row, 0, rowsInOne)
	for i := range n {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if rows = append(rows, rowOf(m.Subject(), m.Headers(), m.Data())); len(rows) < rowsInOne && i < n-1 {
			continue
		}
		if err := table.add(rows...); err != nil {
			return err
		}
		rows = rows[:0]
	}
	return nil
}

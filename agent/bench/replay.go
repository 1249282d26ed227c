package bench

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent/replica"
)

// measureReplay is the first sync of a new desk: it reads the whole log, checks and
// opens every event, and applies it to all its tables and indexes. Beside it stands
// an ordered consumer that puts the same messages as they come into a bare table.
func measureReplay(ctx context.Context, g *ground, report func(Figure) error) error {
	turns := g.rounds()
	if g.size < baseSize {
		turns *= 3 // each is a tenth of a second, in which much else happens on a machine
	}
	var ours, limit series
	for range turns {
		if err := g.replayBare(ctx, &limit); err != nil {
			return err
		}
		if err := g.replay(ctx, &ours); err != nil {
			return err
		}
	}
	n := g.size
	if err := report(inRate("replay", n, ours.median(), limit.median(), "an ordered consumer into bare rows")); err != nil {
		return err
	}
	cost := float64(ours.median()) / float64(time.Microsecond) / float64(n)
	defer func() { g.costs[n] = cost }()
	if base := baseOf(g.costs, n); base != 0 {
		return report(figure("replay-cost", n, cost, g.costs[base], "us/event", "the same with "+Count(base)+" events"))
	}
	return nil
}

// baseSize is the size with which the cost of larger logs is compared.
const baseSize = 100_000

// baseOf is the size with which a size is compared: baseSize, else the largest that is
// smaller; 0 where there is none.
func baseOf(costs map[int]float64, n int) (base int) {
	if _, measured := costs[baseSize]; measured && n > baseSize {
		return baseSize
	}
	sizes := []int{0}
	for size := range costs {
		if size < n {
			sizes = append(sizes, size)
		}
	}
	return slices.Max(sizes)
}

// replay clocks a new desk from its start until it has applied the last event.
func (g *ground) replay(ctx context.Context, took *series) error {
	d, err := g.desk(ctx, g.sheet)
	if err != nil {
		return err
	}
	if err := took.clock(func() error {
		d.run(ctx)
		return d.reach(ctx, uint64(g.size))
	}); err != nil {
		return errors.Join(err, d.close())
	}
	return g.keep(d)
}

// rowsInOne is the size of a bare transaction: that of the desk's own.
const rowsInOne = 2000

// replayBare clocks the raw limit of a replay, from the connection on. It has the ballast
// that a desk has, so that its garbage is collected as seldom.
func (g *ground) replayBare(ctx context.Context, took *series) error {
	defer replica.HoldBallast()()
	path := g.file("bare")
	table, err := openBare(path, normal)
	if err != nil {
		return err
	}
	err = took.clock(func() error {
		conn, err := g.dial(g.sheet)
		if err != nil {
			return err
		}
		defer conn.Close()
		return consume(ctx, conn, jetstream.OrderedConsumerConfig{}, g.size, table)
	})
	if err := errors.Join(err, table.close()); err != nil {
		return err
	}
	if g.bare == "" && needsOf(g.todo).bare {
		g.bare = path
		return nil
	}
	return os.Remove(path)
}

// consume reads n messages of the log in order into a bare table.
func consume(ctx context.Context, conn *nats.Conn, c jetstream.OrderedConsumerConfig, n int, table *bareTable) error {
	messages, err := deliveries(ctx, conn, c)
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

// deliveries reads the log in order.
func deliveries(ctx context.Context, conn *nats.Conn, c jetstream.OrderedConsumerConfig) (jetstream.MessagesContext, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, recordStream, c)
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(rowsInOne))
}

// recordStream is the log's own name, as the broker's package lays it out.
const recordStream = "RECORDS"

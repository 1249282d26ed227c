package bench

import (
	"context"
	"errors"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// measureBusy is what measureLive is, while a third desk does its first sync by reading
// the whole log. Beside it stands the bare line while a bare reader reads the whole log
// into bare rows.
func measureBusy(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	here, err := g.reader(ctx, 0, agent.Config{})
	if err != nil {
		return err
	}
	there, err := g.reader(ctx, 1, agent.Config{})
	if err != nil {
		return errors.Join(err, here.close())
	}
	here.run(ctx)
	there.run(ctx)
	l, err := g.between(ctx, here, there)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.turn(ctx, warming); err != nil {
		return err
	}
	l.ours, l.limit, l.stalls = nil, nil, true
	for range g.Rounds {
		if err := g.busyTurn(ctx, l, g.Samples/g.Rounds); err != nil {
			return err
		}
	}
	const beside = "a publish until its delivery, while a bare reader reads all"
	return errors.Join(
		report(inTime("busy-p50", g.size, l.ours.median(), l.limit.median(), beside)),
		report(inTime("busy-p99", g.size, l.ours.quantile(0.99), l.limit.quantile(0.99), beside)),
	)
}

// busyTurn passes n changes on while somebody new reads, and then the same messages.
func (g *ground) busyTurn(ctx context.Context, l *live, n int) error {
	var messages []events.Message
	if err := beside(ctx, g.newcomer, func() error {
		m, err := l.passNext(ctx)
		messages = append(messages, m)
		return err
	}, n); err != nil {
		return err
	}
	return beside(ctx, g.bareNewcomer, func() error {
		m := messages[0]
		messages = messages[1:]
		return l.passBare(ctx, m)
	}, n)
}

// beside does something n times while work is under way: it begins anew for as long as
// that takes.
func beside(ctx context.Context, work func(context.Context) error, do func() error, n int) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			err = work(ctx)
		}
		if ctx.Err() != nil {
			err = nil
		}
		ended <- err
	}()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended)
	}()
	for range n {
		if err := do(); err != nil {
			return err
		}
		if len(ended) > 0 {
			return errors.New("the work beside which it was to be measured has ended")
		}
	}
	return nil
}

// newcomer is a new desk that reads the log from its start.
func (g *ground) newcomer(ctx context.Context) error {
	d, err := g.desk(ctx, g.sheet)
	if err != nil {
		return err
	}
	d.run(ctx)
	return errors.Join(d.reach(ctx, uint64(g.size)), g.discard(d))
}

// bareNewcomer reads the log into bare rows.
func (g *ground) bareNewcomer(ctx context.Context) (err error) {
	path := g.file("bare")
	table, err := openBare(path, normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close(), os.Remove(path)) }()
	conn, err := g.dial(g.sheet)
	if err != nil {
		return err
	}
	defer conn.Close()
	return consume(ctx, conn, jetstream.OrderedConsumerConfig{}, g.size, table)
}

package bench

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// measureLogin is how long the light of a desk that has the whole log takes to be green
// again: with nothing new, and with some thousand events that others wrote meanwhile.
// Both begin when the connection stands; what a desk does before that, from its program's start
// on, is a figure of its own, beside a bare connection. Beside them stands the least by which the same
// could be known: the end of the log and the message at our place; and the new messages
// in bare rows.
func measureLogin(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	d, err := g.reader(ctx, 0, agent.Config{})
	if err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil { // it has what others wrote since
		return errors.Join(err, d.close())
	}
	if err := d.close(); err != nil {
		return err
	}
	conn, err := g.dial(g.sheet)
	if err != nil {
		return err
	}
	defer conn.Close()
	table, err := openBare(g.file("bare"), normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()

	var start, connect, idle, idleBare, news, newsBare series
	for range g.Rounds {
		if err := errors.Join(g.connectBare(&connect), g.agreeBare(ctx, conn, &idleBare), g.login(ctx, d.enrolment, &start, &idle)); err != nil {
			return err
		}
	}
	for range g.rounds() {
		last, err := g.end(ctx, conn)
		if err != nil {
			return err
		}
		if _, err := g.fill(ctx, g.sheet, max(g.News, scribes+1), maxBatch, once(drafts(ctx, g.seed()))); err != nil {
			return err
		}
		if err := errors.Join(g.readBare(ctx, conn, last, table, &newsBare), g.login(ctx, d.enrolment, new(series), &news)); err != nil {
			return err
		}
	}
	return errors.Join(
		report(inTime("login-start", g.size, start.median(), connect.median(), "a bare connection")),
		report(inTime("login", g.size, idle.median(), idleBare.median(), "asking for the end of the log and for one message")),
		report(inTime("login-news", g.size, news.median(), newsBare.median(), "the same, and the new messages into bare rows")),
	)
}

// settle runs the desk until its light is green, and ends it.
func (d *desk) settle(ctx context.Context) error {
	d.run(ctx)
	return d.Prove(ctx)
}

// login clocks a desk from its start to its connection, and from there to the green light.
func (g *ground) login(ctx context.Context, e enrolment.Enrolment, start, took *series) error {
	began := time.Now()
	up, green, err := g.visit(ctx, e, nil)
	*start = append(*start, up.Sub(began))
	*took = append(*took, green.Sub(up))
	return err
}

// connectBare clocks a connection of which nothing is wanted.
func (g *ground) connectBare(took *series) error {
	return took.clock(func() error {
		conn, err := g.dial(g.sheet)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// visit runs a desk until its light is green, and tells when that was and when the
// connection stood. around may put something between the desk and its log; nil: nothing.
func (g *ground) visit(ctx context.Context, e enrolment.Enrolment, around func(agent.Log) agent.Log) (up, green time.Time, err error) {
	stood := make(chan time.Time, 1)
	d, err := g.open(ctx, agent.Config{Enrolment: e, SnapshotEvery: -1, Connect: connecting(e, stood, around)})
	if err != nil {
		return up, green, err
	}
	if err := d.settle(ctx); err != nil {
		return up, green, errors.Join(err, d.close())
	}
	green = time.Now()
	return <-stood, green, d.close()
}

// connecting connects a desk as it does by itself, and tells when the connection first
// stood.
func connecting(e enrolment.Enrolment, up chan<- time.Time, around func(agent.Log) agent.Log) func(context.Context, func(bool, error)) (agent.Log, error) {
	return func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		log, err := broker.Connect(ctx, broker.Config{
			Practice: e.Practice, Device: e.Device, URLs: e.URLs, JWT: e.JWT, Seed: e.Seed,
			OnConnection: func(stands bool, err error) {
				if stands {
					select {
					case up <- time.Now():
					default:
					}
				}
				report(stands, err)
			},
		})
		if err != nil {
			return nil, err
		}
		if around != nil {
			return around(log), nil
		}
		return log, nil
	}
}

// end asks for the end of the log.
func (g *ground) end(ctx context.Context, conn *nats.Conn) (uint64, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, recordStream)
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// agreeBare clocks the raw limit of a log-in with nothing new.
func (g *ground) agreeBare(ctx context.Context, conn *nats.Conn, took *series) error {
	return took.clock(func() error { return agreeBare(ctx, conn) })
}

func agreeBare(ctx context.Context, conn *nats.Conn) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, recordStream)
	if err != nil {
		return err
	}
	_, err = stream.GetMsg(ctx, stream.CachedInfo().State.LastSeq)
	return err
}

// readBare clocks the same with all that comes after a place in the log.
func (g *ground) readBare(ctx context.Context, conn *nats.Conn, after uint64, table *bareTable, took *series) error {
	last, err := g.end(ctx, conn)
	if err != nil {
		return err
	}
	return took.clock(func() error {
		if err := agreeBare(ctx, conn); err != nil {
			return err
		}
		return consume(ctx, conn, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		}, int(last-after), table)
	})
}

// ids reads the ids of all events that come after a place in the log.
func (g *ground) ids(ctx context.Context, conn *nats.Conn, after uint64) (map[string]int, error) {
	last, err := g.end(ctx, conn)
	if err != nil || last <= after {
		return nil, err
	}
	messages, err := deliveries(ctx, conn, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	found := make(map[string]int)
	for range last - after {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		id, _ := events.Message{Header: m.Headers()}.Peek()
		found[id]++
	}
	return found, nil
}

package bench

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// measureLive is how long a change at one desk takes until the other desk has it in
// its projection and has told so. Beside it stands how long the same message takes
// from a bare publish to the delivery by a consumer.
func measureLive(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	l, err := newLive(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.turn(ctx, warming); err != nil {
		return err
	}
	l.ours, l.limit = nil, nil
	for range g.Rounds {
		if err := l.turn(ctx, g.Samples/g.Rounds); err != nil {
			return err
		}
	}
	const beside = "a publish until its delivery"
	return errors.Join(
		report(inTime("live-p50", len(l.ours), l.ours.median(), l.limit.median(), beside)),
		report(inTime("live-p99", len(l.ours), l.ours.quantile(0.99), l.limit.quantile(0.99), beside)),
	)
}

// live is two desks of one practice, and a publisher and a consumer of another.
type live struct {
	here, there *desk
	drafts      func() (agent.Draft, error, bool)
	end         func()

	conn, reading *nats.Conn
	subject       string
	deliveries    jetstream.MessagesContext

	// stalls says that a server may be too busy to answer within a desk's patience: the
	// change is then queued, and the time goes on until the other desk has it.
	stalls bool

	ours, limit series
}

func newLive(ctx context.Context, g *ground) (_ *live, err error) {
	practice, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	here, err := g.greenDesk(ctx, practice)
	if err != nil {
		return nil, err
	}
	there, err := g.greenDesk(ctx, practice)
	if err != nil {
		return nil, errors.Join(err, here.close())
	}
	return g.between(ctx, here, there)
}

// between makes two running desks the ends of a line, beside a bare one. They are
// closed with it, also where it fails.
func (g *ground) between(ctx context.Context, here, there *desk) (_ *live, err error) {
	l := &live{here: here, there: there}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	l.drafts, l.end = iter.Pull2(drafts(ctx, g.seed()))
	for _, d := range []*desk{here, there} { // each has the other one's registration
		if err := d.Prove(ctx); err != nil {
			return nil, err
		}
	}
	other, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	l.subject = events.Subject(other.Practice, "bare")
	if l.conn, err = g.dial(other); err != nil {
		return nil, err
	}
	if l.reading, err = g.dial(other); err != nil {
		return nil, err
	}
	l.deliveries, err = deliveries(ctx, l.reading, jetstream.OrderedConsumerConfig{})
	return l, err
}

func (l *live) close() error {
	l.end()
	if l.deliveries != nil {
		l.deliveries.Stop()
	}
	for _, conn := range []*nats.Conn{l.conn, l.reading} {
		if conn != nil {
			conn.Close()
		}
	}
	var errs []error
	for _, d := range []*desk{l.here, l.there} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return errors.Join(errs...)
}

// turn lets the desks and then the bare ends pass on n messages, the same ones.
func (l *live) turn(ctx context.Context, n int) error {
	var messages []events.Message
	for range n {
		m, err := l.passNext(ctx)
		if err != nil {
			return err
		}
		messages = append(messages, m)
	}
	for _, m := range messages {
		if err := l.passBare(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// passNext clocks the next change from desk to desk.
func (l *live) passNext(ctx context.Context) (events.Message, error) {
	d, err, _ := l.drafts()
	if err != nil {
		return events.Message{}, err
	}
	return l.pass(ctx, d)
}

// arrival is when something was there, or why it never was.
type arrival struct {
	at  time.Time
	err error
}

// pass clocks one change from desk to desk.
func (l *live) pass(ctx context.Context, d agent.Draft) (events.Message, error) {
	arrived := make(chan arrival, 1)
	go func() { arrived <- l.watch(ctx, d.Record) }()
	began := time.Now()
	written, err := l.here.Write(ctx, d)
	if err == nil && written.Queued() && !l.stalls {
		err = l.here.queued(ctx, "the change of "+d.Record.String())
	}
	if err != nil {
		return events.Message{}, err
	}
	there := <-arrived
	if there.err != nil {
		return events.Message{}, there.err
	}
	l.ours = append(l.ours, there.at.Sub(began))
	return l.here.wire(ctx, d.Record, written.ID)
}

// watch waits until the other desk has a record and has told that something changed.
func (l *live) watch(ctx context.Context, r events.Record) arrival {
	err := l.there.await(ctx, func() (bool, error) {
		_, err := l.there.Store().Record(ctx, r)
		if errors.Is(err, projections.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	return arrival{time.Now(), err}
}

// passBare clocks one message from a publisher to a consumer.
func (l *live) passBare(ctx context.Context, m events.Message) error {
	arrived := make(chan arrival, 1)
	go func() {
		_, err := l.deliveries.Next(jetstream.NextContext(ctx))
		arrived <- arrival{time.Now(), err}
	}()
	began := time.Now()
	if err := publish(l.conn, l.subject, m); err != nil {
		return err
	}
	there := <-arrived
	l.limit = append(l.limit, there.at.Sub(began))
	return there.err
}

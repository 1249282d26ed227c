package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
)

// measureReconnect is how long a desk with many queued events takes from the connection
// until the server has all of them on its disk, and until the light is green: they were
// then read back, and each is in the log once. Beside it stand atomic batches of the
// same messages, the same with their reading into bare rows, and the same one by one.
func measureReconnect(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	r, err := newReconnect(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for round := range min(g.Rounds, 5) {
		queued, err := r.queue(ctx)
		if err != nil {
			return err
		}
		if err := r.bare(ctx, queued); err != nil {
			return err
		}
		if err := r.push(ctx, queued); err != nil {
			return err
		}
		if round > 0 {
			continue // one by one takes seconds, and hardly varies
		}
		if err := r.single.clock(func() error { return publishAll(r.conn, queued) }); err != nil {
			return err
		}
	}
	ours, n := r.ours.median(), g.Queued
	return errors.Join(
		report(inTime("reconnect", n, ours, r.batches.median(), "atomic batches of the same messages")),
		report(inTime("reconnect-green", n, r.green.median(), r.read.median(), "the same batches, and all read into bare rows")),
		report(inTime("reconnect-single", n, ours, r.single.median(), "the same messages one by one")),
	)
}

// reconnect is a desk that comes back again and again.
type reconnect struct {
	ground *ground
	desk   enrolment.Enrolment
	drafts func() (agent.Draft, error, bool)
	end    func()
	own    *nats.Conn // to the log of the desk
	conn   *nats.Conn // to another one, which no desk reads
	other  string     // its practice

	ours, green, batches, read, single series
}

func newReconnect(ctx context.Context, g *ground) (_ *reconnect, err error) {
	r := &reconnect{ground: g}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	r.drafts, r.end = iter.Pull2(drafts(ctx, g.seed()))
	practice, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	d, err := g.greenDesk(ctx, practice)
	if err != nil {
		return nil, err
	}
	r.desk = d.enrolment
	if err := d.close(); err != nil {
		return nil, err
	}
	other, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	r.other = other.Practice
	if r.own, err = g.dial(practice); err != nil {
		return nil, err
	}
	r.conn, err = g.dial(other)
	return r, err
}

func (r *reconnect) close() error {
	r.end()
	for _, conn := range []*nats.Conn{r.own, r.conn} {
		if conn != nil {
			conn.Close()
		}
	}
	return nil
}

// queue writes at the desk, which is not running, and returns the messages of what it
// queued, for the other log.
func (r *reconnect) queue(ctx context.Context) (list []events.Message, err error) {
	d, err := r.ground.open(ctx, agent.Config{Enrolment: r.desk, SnapshotEvery: -1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	for left := r.ground.Queued; left > 0; {
		some := make([]agent.Draft, min(left, maxBatch))
		for i := range some {
			if some[i], err, _ = r.drafts(); err != nil {
				return nil, err
			}
		}
		outcomes, err := d.WriteMany(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, o := range outcomes {
			if o.Err != nil {
				return nil, o.Err
			}
			m, err := d.wire(ctx, some[i].Record, o.ID)
			if err != nil {
				return nil, err
			}
			m.Subject = events.Subject(r.other, some[i].Patient)
			list = append(list, m)
		}
		left -= len(some)
	}
	return list, nil
}

// push clocks the desk, and then makes sure that each event is in the log once.
func (r *reconnect) push(ctx context.Context, queued []events.Message) error {
	before, err := r.ground.end(ctx, r.own)
	if err != nil {
		return err
	}
	var stored clockedLog
	up, green, err := r.ground.visit(ctx, r.desk, func(l agent.Log) agent.Log {
		stored.Log = l
		return &stored
	})
	if err != nil {
		return err
	}
	if stored.events != len(queued) {
		return fmt.Errorf("the server said of %d events that it has them, want the %d that were queued", stored.events, len(queued))
	}
	r.ours, r.green = append(r.ours, stored.last.Sub(up)), append(r.green, green.Sub(up))
	found, err := r.ground.ids(ctx, r.own, before)
	if err != nil {
		return err
	}
	for _, m := range queued {
		if id, _ := m.Peek(); found[id] != 1 {
			return fmt.Errorf("event %s is in the log %d times, want once", id, found[id])
		}
	}
	if len(found) != len(queued) {
		return fmt.Errorf("the log got %d events, want the %d that were queued", len(found), len(queued))
	}
	return nil
}

// clockedLog tells when the server last said that it has a batch on its disk, which is what the
// limit waits for as well. It is read when the desk is closed.
type clockedLog struct {
	agent.Log
	events int
	last   time.Time
}

// AppendBatch is that of the log.
func (l *clockedLog) AppendBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	first, err := l.Log.AppendBatch(ctx, list)
	if err == nil {
		l.events, l.last = l.events+len(list), time.Now()
	}
	return first, err
}

// bare clocks the raw limits: the batches, and their reading.
func (r *reconnect) bare(ctx context.Context, queued []events.Message) (err error) {
	table, err := openBare(r.ground.file("bare"), normal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	before, err := r.ground.end(ctx, r.conn)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := sendAll(r.conn, queued); err != nil {
		return err
	}
	r.batches = append(r.batches, time.Since(began))
	if err := consume(ctx, r.conn, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: before + 1,
	}, len(queued), table); err != nil {
		return err
	}
	r.read = append(r.read, time.Since(began))
	return nil
}

func publishAll(conn *nats.Conn, list []events.Message) error {
	for _, m := range list {
		header := make(map[string][]string, len(m.Header))
		for name, values := range m.Header {
			switch name {
			case batchID, batchSequence, batchCommit, events.HeaderMsgID: // it was sent in a batch before
			default:
				header[name] = values
			}
		}
		if err := publish(conn, m.Subject, events.Message{Header: header, Data: m.Data}); err != nil {
			return err
		}
	}
	return nil
}

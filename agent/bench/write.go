package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// measureOffline is Write at a desk whose user works offline, beside the commit in the outbox
// that it cannot do without, which waits for the disk. The desk shows the change a moment
// later: until then beside that commit and the one in the projection, which waits for none.
func measureOffline(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	w, err := newWriting(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.offline = true
	if err := w.desk.WorkOffline(ctx); err != nil {
		return err
	}
	if err := w.measure(ctx, g, w.commits); err != nil {
		return err
	}
	queued := w.outbox.median()
	return errors.Join(
		report(inTime("offline", len(w.ours), w.ours.median(), queued, "a FULL commit")),
		report(inTime("offline-shown", len(w.shown), w.shown.median(), queued+w.projection.median(), "a FULL commit and a NORMAL one")),
	)
}

// measureOnline is Write at a desk whose light is green, over loopback TCP, beside the
// commit in the outbox and a publish that the broker has synced.
func measureOnline(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	w, err := newWriting(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.desk.Prove(ctx); err != nil {
		return err
	}
	if err := w.measure(ctx, g, w.publishAndCommits); err != nil {
		return err
	}
	queued, sent := w.outbox.median(), w.publish.median()
	return errors.Join(
		report(inTime("online", len(w.ours), w.ours.median(), queued+sent, "a FULL commit and a synced publish")),
		report(inTime("online-single", len(w.ours), w.ours.median(), sent, "a synced publish alone")),
	)
}

// writing is a desk that writes, and the bare operations that its writes are made of.
type writing struct {
	desk    *desk
	offline bool
	drafts  func() (agent.Draft, error, bool)
	end     func()

	durable, relaxed *bareTable
	conn             *nats.Conn
	subject          string // of a practice that no desk reads

	ours, shown, outbox, projection, publish series
}

func newWriting(ctx context.Context, g *ground) (_ *writing, err error) {
	w := &writing{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	w.drafts, w.end = iter.Pull2(drafts(ctx, g.seed()))
	practice, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	if w.desk, err = g.greenDesk(ctx, practice); err != nil {
		return nil, err
	}
	if w.durable, err = openBare(g.file("bare"), full); err != nil {
		return nil, err
	}
	if w.relaxed, err = openBare(g.file("bare"), normal); err != nil {
		return nil, err
	}
	other, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	w.subject = events.Subject(other.Practice, "bare")
	w.conn, err = g.dial(other)
	return w, err
}

func (w *writing) close() error {
	w.end()
	if w.conn != nil {
		w.conn.Close()
	}
	var errs []error
	for _, table := range []*bareTable{w.durable, w.relaxed} {
		if table != nil {
			errs = append(errs, table.close())
		}
	}
	if w.desk != nil {
		errs = append(errs, w.desk.close())
	}
	return errors.Join(errs...)
}

// A write is so short that a machine has other moods within a second: it takes more samples
// and turns than what is longer, so that both have the same of each.
const (
	writesForSample = 5
	writesInTurn    = 10
)

// measure lets the desk and the bare operations take turns; the latter are given the
// very messages that the desk has just written.
func (w *writing) measure(ctx context.Context, g *ground, bare func(events.Message) error) error {
	if _, err := w.write(ctx, warming); err != nil {
		return err
	}
	w.ours, w.shown = nil, nil
	for left := writesForSample * g.Samples; left > 0; left -= writesInTurn {
		messages, err := w.write(ctx, min(left, writesInTurn))
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := bare(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// warming is how many writes are not counted: they prepare statements and fill caches.
const warming = 10

func (w *writing) write(ctx context.Context, n int) ([]events.Message, error) {
	var messages []events.Message
	for range n {
		d, err, _ := w.drafts()
		if err != nil {
			return nil, err
		}
		var written agent.Written
		if err := w.shown.clock(func() error {
			if err := w.ours.clock(func() (err error) { written, err = w.desk.Write(ctx, d); return err }); err != nil {
				return err
			}
			_, err := w.desk.Records().Record(ctx, d.Record)
			return err
		}); err != nil {
			return nil, err
		}
		if written.Queued() != w.offline {
			return nil, fmt.Errorf("the change of %s was not written as it was to be measured: queued is %v", d.Record, written.Queued())
		}
		// A person writes at a desk that has read what it wrote before: the next write
		// would wait for that.
		if err := w.desk.reach(ctx, written.Sequence); err != nil {
			return nil, err
		}
		m, err := w.desk.wire(ctx, d.Record, written.ID)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

func (w *writing) commits(m events.Message) error {
	r := rowOfMessage(m)
	return errors.Join(
		w.outbox.clock(func() error { return w.durable.addOne(r) }),
		w.projection.clock(func() error { return w.relaxed.addOne(r) }),
	)
}

func (w *writing) publishAndCommits(m events.Message) error {
	return errors.Join(w.commits(m), w.publish.clock(func() error { return publish(w.conn, w.subject, m) }))
}

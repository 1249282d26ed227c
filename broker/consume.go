package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/events"
)

// errIdle says that nothing came within a delivery's patience, or not all of it
// that should have come.
var errIdle = errors.New("the server delivers nothing more")

// consumerExpiry is after what time without a pull the server removes a consumer.
const consumerExpiry = time.Minute

// delivery is what a consumer is to deliver.
type delivery struct {
	stream, subject string
	from            uint64
	patience        time.Duration // 0: for ever; longer while the line is busy, see impatience
	mass, pieces    bool          // of the log or keys, or of an object: it leaves room on a slow line for what is asked for meanwhile
}

// consume makes a consumer and gives its messages to each until each wants no more
// (then the error is that of each) or the delivery breaks: by the end of ctx or of
// the session, by a gap, by the loss of the consumer. The consumer is removed again.
//
// Its name is random and long: a device may remove consumers, and must not be able
// to guess those of another.
func (l *Log) consume(ctx, session context.Context, d delivery, each func(events.Stored) (more bool, err error)) error {
	live, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(session, func() { cancel(fmt.Errorf("%w: %w", events.ErrOffline, errDisconnected)) })()

	name := l.device + "_" + rand.Text()
	asking, done := context.WithCancelCause(live)
	defer done(nil)
	defer l.link.onDenied(l.api+"CONSUMER.CREATE."+d.stream+"."+name+"."+d.subject, done)()
	defer l.impatience(l.timeout, func(err error) { done(fmt.Errorf("%w: %w", events.ErrOffline, err)) })()
	made, err := l.js.CreateConsumer(asking, d.stream, jetstream.ConsumerConfig{
		Name:              name,
		FilterSubject:     d.subject,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(d.from, 1),
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: consumerExpiry,
	})
	if err != nil {
		if cause := context.Cause(asking); cause != nil {
			err = cause
		}
		return fmt.Errorf("make a consumer of %s: %w", d.stream, err)
	}
	defer l.removeConsumer(session, d.stream, name)
	if d.pieces && made.CachedInfo().NumPending == 0 {
		return fmt.Errorf("%w: no piece is left", errIdle)
	}
	return l.deliver(live, name, d, each)
}

// deliver passes on what a consumer delivers.
func (l *Log) deliver(live context.Context, consumer string, d delivery, each func(events.Stored) (bool, error)) error {
	messages := newPuller(l.link.conn.Load(), l.api+"CONSUMER.MSG.NEXT."+d.stream+"."+consumer, newWindow(d))
	defer messages.stop()
	for count := uint64(1); ; count++ {
		m, err := l.next(live, messages, d.patience)
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("a delivery of %s without its place: %w", d.stream, err)
		}
		if meta.Sequence.Consumer != count {
			return fmt.Errorf("%w: delivery %d of %s came where %d was due", errIdle, meta.Sequence.Consumer, d.stream, count)
		}
		more, err := each(events.Stored{
			Sequence: meta.Sequence.Stream,
			Time:     meta.Timestamp.UTC(),
			Message:  events.Message{Subject: m.Subject, Header: asGiven(m.Header), Data: m.Data},
		})
		if err != nil || !more {
			return err
		}
		// Of a piece that is damaged on its disk the server says nothing: it counts it, and passes it over.
		if d.pieces && (meta.NumPending == 0 || len(m.Data) < objectChunk) {
			return fmt.Errorf("%w: a piece is missing", errIdle)
		}
	}
}

// next waits for one message.
func (l *Log) next(live context.Context, messages *puller, patience time.Duration) (*nats.Msg, error) {
	if patience == 0 {
		return messages.next(live)
	}
	waiting, cancel := context.WithCancelCause(live)
	defer cancel(nil)
	defer l.impatience(patience, func(error) { cancel(errIdle) })()
	return messages.next(waiting)
}

// removeConsumer removes a consumer that is not needed any more, as long as the
// session lasts; otherwise the server removes it after consumerExpiry.
func (l *Log) removeConsumer(session context.Context, stream, name string) {
	if session.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(session), min(l.timeout, time.Second))
	defer cancel()
	var answer struct{}
	if err := l.request(ctx, "CONSUMER.DELETE."+stream+"."+name, nil, &answer); err != nil {
		l.logger.Debug("a consumer is left to expire", slog.String("stream", stream), slog.Any("error", err))
	}
}

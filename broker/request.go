package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// errNotSent says that a message did not leave this process.
var errNotSent = errors.New("nothing was sent")

// A line that carried busyLine bytes while an answer was waited for is busy: the answer may
// stand behind what others on it asked for. Of that there are lineBytes at most.
const (
	busyLine  = 32 << 10
	lineBytes = 1 << 20
	// longestWait is how much longer than usual an answer is waited for at most, but for one more look.
	longestWait = lineBytes / slowestLine * time.Second
)

// impatience calls giveUp when nothing was heard for so long, until stop is called. As long
// as the line is busy it is waited on, but no longer than a slow line takes for what can
// be under way.
func (l *Log) impatience(patience time.Duration, giveUp context.CancelCauseFunc) (stop func()) {
	conn := l.link.conn.Load()
	return impatience(patience, func() uint64 { return conn.Stats().InBytes }, giveUp)
}

// impatience is that of a line which has carried so many bytes by now.
func impatience(patience time.Duration, carried func() uint64, giveUp context.CancelCauseFunc) (stop func()) {
	began, seen := time.Now(), carried()
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		now := carried()
		if now-seen >= busyLine && time.Since(began) < patience+longestWait {
			seen = now
			timer.Reset(patience)
			return
		}
		giveUp(fmt.Errorf("no answer within %v", time.Since(began).Truncate(patience))) // the same words each time
	})
	timer.Reset(patience) // now that the function knows it
	return func() { timer.Stop() }
}

// exchange sends one message and waits for its answer: as long as the session
// lasts, and no longer than the timeout, or longer on a busy line. It never sends twice. Errors: errNotSent
// (wrapping why), *events.RefusedError where the server does not allow it,
// otherwise the message may have arrived.
func (l *Log) exchange(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	return l.exchangeWithin(ctx, m, l.timeout)
}

// exchangeWithin is exchange with another timeout.
func (l *Log) exchangeWithin(ctx context.Context, m *nats.Msg, patience time.Duration) (*nats.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	session := l.link.current()
	if session == nil {
		return nil, fmt.Errorf("%w: there is no connection", errNotSent)
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.link.onDenied(m.Subject, cancel)()
	defer context.AfterFunc(session, func() { cancel(errDisconnected) })()
	defer l.impatience(patience, cancel)()
	answer, err := l.link.conn.Load().RequestMsgWithContext(waiting, m)
	return answer, sendError(err, waiting)
}

// sendError sorts the errors of nats.go: what certainly did not leave, and the rest.
func sendError(err error, waiting context.Context) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed),
		errors.Is(err, nats.ErrConnectionDraining), errors.Is(err, nats.ErrInvalidConnection):
		return fmt.Errorf("%w: %w", errNotSent, err)
	case errors.Is(err, nats.ErrNoResponders):
		// It arrived, and the server says that nobody took it.
		return fmt.Errorf("%w: no stream answers: the broker is starting, or the practice is not provisioned on it", errNotSent)
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrBadHeaderMsg):
		return &events.RefusedError{Reason: err.Error()}
	case waiting.Err() != nil:
		return context.Cause(waiting)
	}
	return err
}

// request asks JetStream. Where no answer comes the error is events.ErrOffline,
// or that of ctx; an answer that is an error is an *apiError.
func (l *Log) request(ctx context.Context, subject string, question, answer any) error {
	data, err := l.ask(ctx, subject, question, l.timeout)
	if err != nil {
		return err
	}
	return decodeAnswer(data, answer)
}

// ask is request for an answer that was not looked at yet.
func (l *Log) ask(ctx context.Context, subject string, question any, patience time.Duration) ([]byte, error) {
	var data []byte
	if question != nil {
		var err error
		if data, err = json.Marshal(question); err != nil {
			return nil, err
		}
	}
	msg, err := l.exchangeWithin(ctx, &nats.Msg{Subject: l.api + subject, Data: data}, patience)
	var refused *events.RefusedError
	switch {
	case err == nil:
		return msg.Data, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &refused):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", events.ErrOffline, err)
}

// decodeAnswer reads an answer of JetStream's API, or the error in it.
func decodeAnswer(data []byte, answer any) error {
	var failure struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(data, &failure); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if failure.Error != nil {
		return failure.Error
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	return nil
}

// getRequest asks for one message of a stream, from the stream's leader.
type getRequest struct {
	Sequence uint64 `json:"seq,omitempty"`
	LastFor  string `json:"last_by_subj,omitempty"`
	NextFor  string `json:"next_by_subj,omitempty"`
}

// get reads one message from the leader of a stream; events.ErrNoMessage where
// there is none. A direct get would be faster and can be answered by a replica
// that lags behind, which would turn "not there yet" into "not stored".
func (l *Log) get(ctx context.Context, stream string, r getRequest) (events.Stored, error) {
	return l.getWithin(ctx, stream, r, l.timeout)
}

// getWithin is get with another timeout.
func (l *Log) getWithin(ctx context.Context, stream string, r getRequest, patience time.Duration) (events.Stored, error) {
	var answer struct { // read in one go: a piece of an attachment is long
		Error   *apiError `json:"error"`
		Message struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	data, err := l.ask(ctx, "STREAM.MSG.GET."+stream, r, patience)
	if err != nil {
		return events.Stored{}, err
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return events.Stored{}, fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if answer.Error != nil {
		if isCode(answer.Error, codeNoMessage) {
			return events.Stored{}, events.ErrNoMessage
		}
		return events.Stored{}, answer.Error
	}
	m := answer.Message
	s := events.Stored{Sequence: m.Sequence, Time: m.Time.UTC(), Message: events.Message{Subject: m.Subject, Data: m.Data}}
	if len(m.Header) > 0 {
		h, err := nats.DecodeHeadersMsg(m.Header)
		if err != nil {
			return events.Stored{}, fmt.Errorf("message %d of %s: %w", m.Sequence, stream, err)
		}
		s.Header = asGiven(h)
	}
	return s, nil
}

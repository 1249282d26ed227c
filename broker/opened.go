package broker

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// Bounds of what is heard and not yet looked at, of all desks together.
const (
	maxHeard      = 1000
	maxHeardBytes = 4 << 20
)

const openedPrefix = "carelogopen."

// openedSubject carries, from desk to desk and into no stream, what one device has open; "*"
// stands for all.
func openedSubject(practice, device string) string { return openedPrefix + practice + "." + device }

// SayOpened tells the connected devices of the practice, once, what this one has open. Nothing
// keeps it, and nobody says that it arrived. events.ErrOffline: there is no connection.
// *events.RefusedError: the account does not allow it, as one that is older than this word; the
// server said so once, and is not asked again on this connection.
func (l *Log) SayOpened(sealed []byte) error {
	session := l.link.current()
	if session == nil {
		return fmt.Errorf("%w: there is no connection", events.ErrOffline)
	}
	subject := openedSubject(l.practice, l.device)
	if err := l.opened.refused(session, l.link, subject); err != nil {
		return fmt.Errorf("say what is open: %w", err)
	}
	if err := l.link.conn.Load().Publish(subject, sealed); err != nil {
		return fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	return nil
}

// openedWord knows whether the server lets this device say what it has open. The server answers
// to a word that it does not allow only, and later.
type openedWord struct {
	mu      sync.Mutex
	session context.Context
	allowed context.Context // ends with the session, or when the server refuses
}

// refused is why nothing is said on subject in this session any more; nil: it can be said.
func (w *openedWord) refused(session context.Context, on *link, subject string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != session {
		allowed, refuse := context.WithCancelCause(session)
		context.AfterFunc(session, on.onDenied(subject, refuse))
		w.session, w.allowed = session, allowed
	}
	if session.Err() != nil {
		return fmt.Errorf("%w: %w", events.ErrOffline, context.Cause(session))
	}
	return context.Cause(w.allowed)
}

// HearOpened calls heard with what the devices of the practice say, this one included, one at a
// time and in the order of each, until stop. It may be called once more while stop returns.
func (l *Log) HearOpened(heard func(device string, sealed []byte)) (stop func(), err error) {
	prefix := openedSubject(l.practice, "")
	listening, err := l.link.conn.Load().Subscribe(prefix+"*", func(m *nats.Msg) {
		heard(strings.TrimPrefix(m.Subject, prefix), m.Data)
	})
	if err == nil {
		err = listening.SetPendingLimits(maxHeard, maxHeardBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("listen to what other desks have open: %w", err)
	}
	return func() { _ = listening.Unsubscribe() }, nil // without a connection it is gone already
}

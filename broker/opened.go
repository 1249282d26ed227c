package broker

import (
	"fmt"
	"strings"

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
func (l *Log) SayOpened(sealed []byte) error {
	if l.link.current() == nil {
		return fmt.Errorf("%w: there is no connection", events.ErrOffline)
	}
	if err := l.link.conn.Load().Publish(openedSubject(l.practice, l.device), sealed); err != nil {
		return fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	return nil
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

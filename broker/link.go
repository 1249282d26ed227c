package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/events"
)

// errDisconnected is the cause with which a session's context ends.
var errDisconnected = errors.New("the connection was lost")

// link keeps one connection to the broker for as long as it is open, and says when
// it is there. A session is the time between two interruptions: what waits for an
// answer waits no longer than its session, since the answer can only come on it.
type link struct {
	conn   atomic.Pointer[nats.Conn] // nil only until dial returns
	logger *slog.Logger

	telling sync.Mutex // one at a time
	notify  func(connected bool, err error)

	mu      sync.Mutex
	session context.Context // nil while there is no connection
	end     context.CancelCauseFunc
	changed chan struct{}        // closed at the next change of session
	denials map[string][]*denial // who waits for an answer, by subject
	reasons []string             // why there is no connection, as far as the log says it

	closed chan struct{} // when the connection has told its last
}

// Bounds of a connection. A line that is dead without being closed is noticed
// after at most pingsLost pings; on a slow one, an answer waits behind all that is under way.
const (
	pingInterval     = 5 * time.Second
	pingsLost        = 3
	reconnectFirst   = 50 * time.Millisecond
	reconnectLongest = 3 * time.Second
)

// dial makes the link and returns at once; the connection is made in the background.
func dial(c Config) (*link, error) {
	l := &link{notify: c.OnConnection, logger: c.Logger, changed: make(chan struct{}),
		denials: make(map[string][]*denial), closed: make(chan struct{})}
	options := []nats.Option{
		nats.Name("carelog " + c.Practice + "/" + c.Device),
		nats.CustomInboxPrefix(inboxPrefix + c.Device),
		greeted(c.URLs),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1), // nothing is kept to be sent later: the outbox does that
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(l.beforeRetry),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsLost),
		nats.ConnectHandler(func(*nats.Conn) { l.up() }),
		nats.ReconnectHandler(func(*nats.Conn) { l.up() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.down(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { l.down(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { l.fault(err) }),
		nats.ClosedHandler(func(*nats.Conn) { l.down(nil); close(l.closed) }),
	}
	if c.JWT != "" {
		options = append(options, nats.UserJWTAndSeed(c.JWT, c.Seed))
	}
	conn, err := nats.Connect(strings.Join(c.URLs, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(c.URLs, ", "), err)
	}
	l.conn.Store(conn)
	return l, nil
}

// beforeRetry is asked how long to wait when every server was tried in vain. It also
// tells why, where nats.go tells nobody else: the server does not let us in, or is none.
func (l *link) beforeRetry(attempts int) time.Duration {
	if conn := l.conn.Load(); conn != nil {
		switch err := conn.LastError(); {
		case errors.Is(err, ErrNoBroker):
			l.down(err)
		case notLetIn(err):
			l.down(fmt.Errorf("the broker does not let this device in (it was revoked, or this is not the broker of its practice, or that broker does not know the practice: ask whoever looks after it): %w", err))
		}
	}
	return reconnectDelay(attempts)
}

// notLetIn reports whether err is the server's answer to our credentials.
func notLetIn(err error) bool {
	for _, refusal := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// reconnectDelay grows with the attempts and is spread, so that the desks of a
// practice do not all knock at the same moment when its broker is back.
func reconnectDelay(attempts int) time.Duration {
	d := min(reconnectLongest, reconnectFirst<<min(attempts, 10))
	return d/2 + rand.N(d/2)
}

// up begins a session.
func (l *link) up() {
	l.mu.Lock()
	if l.session != nil { // two in a row: the first one's end was not told
		l.end(errDisconnected)
	}
	l.session, l.end = context.WithCancelCause(context.Background())
	l.reasons = nil
	l.change()
	l.mu.Unlock()
	l.logger.Info("connected to the broker")
	l.tell(true, nil)
}

// down ends a session, or says why there is still none; nil: it was closed here.
func (l *link) down(err error) {
	l.mu.Lock()
	if l.session != nil {
		l.end(errDisconnected)
		l.session, l.end = nil, nil
		l.change()
	}
	level := slog.LevelDebug
	if err != nil && l.isNews(err) {
		level = slog.LevelInfo
	}
	l.mu.Unlock()
	if err != nil {
		l.logger.Log(context.Background(), level, "not connected to the broker", slog.Any("error", err))
	}
	l.tell(false, err)
}

// maxReasons bounds how many reasons for one absence the log says.
const maxReasons = 8

// isNews reports whether a reason is the first of its kind since there was a connection:
// an absence can last a weekend, with a try every other second. l.mu is held.
func (l *link) isNews(err error) bool {
	reason := fmt.Sprint(err)
	if len(l.reasons) == maxReasons || slices.Contains(l.reasons, reason) {
		return false
	}
	l.reasons = append(l.reasons, reason)
	return true
}

func (l *link) tell(connected bool, err error) {
	l.telling.Lock()
	defer l.telling.Unlock()
	if l.notify != nil {
		l.notify(connected, err)
	}
}

// change wakes who waits for a session; l.mu is held.
func (l *link) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// current returns the session, or nil.
func (l *link) current() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// wait returns the session as soon as there is one.
func (l *link) wait(ctx context.Context) (context.Context, error) {
	for {
		l.mu.Lock()
		session, changed := l.session, l.changed
		l.mu.Unlock()
		if session != nil {
			return session, nil
		}
		select {
		case <-changed:
		case <-l.closed:
			return nil, fmt.Errorf("%w: the log is closed here", events.ErrOffline)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fault takes an error that the server sent outside of any answer. A publish that
// is not allowed gets no answer at all: without this its sender would wait in vain.
func (l *link) fault(err error) {
	l.logger.Warn("the broker reports an error", slog.Any("error", err))
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	refused := &events.RefusedError{Reason: strings.TrimPrefix(err.Error(), "nats: ")}
	l.mu.Lock()
	defer l.mu.Unlock()
	for subject, waiting := range l.denials {
		// In lower case, since nats.go has changed the case of some servers' words.
		if strings.Contains(strings.ToLower(err.Error()), `"`+strings.ToLower(subject)+`"`) {
			for _, d := range waiting {
				d.refuse(refused)
			}
		}
	}
}

// denial is somebody's wish to hear that a publish was not allowed.
type denial struct{ refuse context.CancelCauseFunc }

// onDenied calls refuse when the server does not allow a publish to subject, until
// the function that it returns is called.
func (l *link) onDenied(subject string, refuse context.CancelCauseFunc) (ignore func()) {
	d := &denial{refuse}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denials[subject] = append(l.denials[subject], d)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		rest := slices.DeleteFunc(l.denials[subject], func(o *denial) bool { return o == d })
		if l.denials[subject] = rest; len(rest) == 0 {
			delete(l.denials, subject)
		}
	}
}

// close ends the connection and waits until its handlers have run.
func (l *link) close() {
	l.conn.Load().Close()
	<-l.closed
	l.telling.Lock()
	defer l.telling.Unlock()
	l.notify = nil // a last attempt to reconnect may still be under way
}

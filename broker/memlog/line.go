package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

// DefaultTimeout is how long a device waits for an answer, as the real one does.
const DefaultTimeout = 5 * time.Second

// Log is the log as one device sees it. Its methods are those of broker.Log, with
// the same errors; the further ones break its line to the server. All may be
// called by several goroutines.
type Log struct {
	server *Server
	device string

	// Guarded by server.mu.
	timeout  time.Duration
	notify   func(connected bool, err error)
	session  chan struct{} // closed when the connection ends; nil while there is none
	closed   bool
	cut      bool
	incoming bool // nothing comes from the server
	outgoing bool // nothing reaches the server
	acks     int  // to be lost
	sends    int  // to be lost
	hangUp   bool // cut when the next message is stored
	commit   bool // cut at the end of the next batch, which is lost
	delay    time.Duration
}

// Client returns the log as a device sees it, connected if the server runs.
func (s *Server) Client(device string) *Log {
	l := &Log{server: s, device: device, timeout: DefaultTimeout}
	s.change(func() { s.clients = append(s.clients, l) })
	return l
}

// OnConnection sets who hears of every change of the connection, and tells it the
// present state at once. It must not block, nor call a method of this device.
func (l *Log) OnConnection(f func(connected bool, err error)) {
	l.change(func() { l.notify = f })
	if f != nil {
		f(l.Connected(), nil)
	}
}

// SetTimeout sets how long a request waits for its answer.
func (l *Log) SetTimeout(d time.Duration) { l.change(func() { l.timeout = d }) }

// Cut breaks the line; the device knows.
func (l *Log) Cut() { l.change(func() { l.cut = true }) }

// CutIncoming loses all that comes from the server; what the device sends arrives.
// The device does not know.
func (l *Log) CutIncoming() { l.change(func() { l.incoming = true }) }

// CutOutgoing loses all that the device sends. The device does not know.
func (l *Log) CutOutgoing() { l.change(func() { l.outgoing = true }) }

// LoseAcks loses the acknowledgements of the next n messages that the server stores.
func (l *Log) LoseAcks(n int) { l.change(func() { l.acks = n }) }

// LoseSends loses the next n messages to the log before they reach the server.
func (l *Log) LoseSends(n int) { l.change(func() { l.sends = n }) }

// CutAfterStoring breaks the line when the next message is stored, in place of its
// acknowledgement.
func (l *Log) CutAfterStoring() { l.change(func() { l.hangUp = true }) }

// Delay makes everything take that long, each way.
func (l *Log) Delay(d time.Duration) { l.change(func() { l.delay = d }) }

// Mend ends all faults. A line that lost something connects anew.
func (l *Log) Mend() {
	if l.torn() {
		l.Cut()
	}
	l.change(func() {
		l.cut, l.incoming, l.outgoing, l.hangUp, l.commit = false, false, false, false, false
		l.acks, l.sends, l.delay = 0, 0, 0
	})
}

// Close ends the connection and every call that waits on it.
func (l *Log) Close() error {
	l.change(func() { l.closed = true })
	return nil
}

// Connected reports whether there is a connection, as far as the device knows.
func (l *Log) Connected() bool {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	return l.session != nil
}

func (l *Log) torn() bool {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	return l.incoming || l.outgoing
}

func (l *Log) change(f func()) { l.server.change(f) }

// settle makes or ends the connection as the faults have it; server.mu is held.
func (l *Log) settle() (calls []func()) {
	up := l.server.running && !l.cut && !l.closed
	switch {
	case up && l.session == nil:
		l.session = make(chan struct{})
	case !up && l.session != nil:
		close(l.session)
		l.session = nil
	default:
		return nil
	}
	if notify := l.notify; notify != nil {
		var err error
		if !up {
			err = errDisconnected
		}
		calls = append(calls, func() { notify(up, err) })
	}
	return calls
}

var (
	errNotSent      = errors.New("nothing was sent")
	errDisconnected = errors.New("the connection was lost")
)

// exchange carries a request to the server, where f runs with server.mu held, and
// its answer back. storing says that f stores a message of the log. Where answered,
// err is that of f; else it says why there is no answer, and unless it is errNotSent
// f may have run, or run later on: what f writes must then not be looked at.
func (l *Log) exchange(ctx context.Context, storing bool, f func() error) (answered bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("%w: %w", errNotSent, err)
	}
	l.server.mu.Lock()
	session, delay, timeout := l.session, l.delay, l.timeout
	l.server.mu.Unlock()
	if session == nil {
		return false, fmt.Errorf("%w: there is no connection", errNotSent)
	}
	answer := make(chan error, 1)
	arrive := func() {
		err, lost := l.arrive(session, storing, f)
		switch {
		case lost:
		case delay > 0:
			time.AfterFunc(delay, func() { answer <- err })
		default:
			answer <- err
		}
	}
	if delay > 0 {
		time.AfterFunc(delay, arrive)
	} else {
		arrive()
	}
	select {
	case err := <-answer: // nearly always: no timer for that
		return true, err
	default:
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-answer:
		return true, err
	case <-session:
		return false, errDisconnected
	case <-timer.C:
		return false, fmt.Errorf("no answer within %v", timeout)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// arrive is the server's side of an exchange; lost says that no answer gets back.
func (l *Log) arrive(session chan struct{}, storing bool, f func() error) (err error, lost bool) {
	s := l.server
	s.mu.Lock()
	if l.session != session { // what was under way is gone with its connection
		s.mu.Unlock()
		return nil, true
	}
	switch {
	case l.outgoing:
		lost = true
	case storing && l.sends > 0:
		l.sends--
		lost = true
	}
	tell := func() {}
	if !lost {
		err = f()
		switch {
		case l.incoming:
			lost = true
		case storing && err == nil && l.hangUp:
			l.hangUp, l.cut, lost = false, true, true
		case storing && err == nil && l.acks > 0:
			l.acks--
			lost = true
		}
		if storing {
			tell = s.settle()
		}
	}
	s.mu.Unlock()
	tell()
	return err, lost
}

// request is an exchange that only reads: no answer means offline.
func (l *Log) request(ctx context.Context, f func() error) error {
	answered, err := l.exchange(ctx, false, f)
	switch {
	case answered:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", events.ErrOffline, err)
}

// submit is an exchange that stores: no answer means that nobody knows.
func (l *Log) submit(ctx context.Context, storing bool, f func() error) error {
	answered, err := l.exchange(ctx, storing, f)
	switch {
	case answered:
		return err
	case errors.Is(err, errNotSent):
		return fmt.Errorf("%w: %w", events.ErrOffline, err)
	}
	return fmt.Errorf("%w: %w", events.ErrUnknownOutcome, err)
}

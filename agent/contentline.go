package agent

import (
	"context"
	"sync"

	"github.com/carelog/carelog/events"
)

// contentLine is the server as contents go to it and come from it: over a connection of
// their own, so that on a slow line no answer of the session waits behind a scan. It is
// made when the first piece goes over it, and ends with the session.
type contentLine struct {
	Log   // the session's own, for short questions
	agent *Agent
	over  context.Context // is done when the session has ended

	mu     sync.Mutex
	own    Log // nil: not made yet
	link   *link
	closed bool
}

// PutPiece goes over the connection of its own.
func (l *contentLine) PutPiece(ctx context.Context, name string, number int, data []byte, after uint64) error {
	return l.long(ctx).PutPiece(ctx, name, number, data, after)
}

// Piece goes over the connection of its own.
func (l *contentLine) Piece(ctx context.Context, name string, number int, from uint64) (events.Stored, error) {
	return l.long(ctx).Piece(ctx, name, number, from)
}

// long is the connection of its own once it stands, and the session's where it does not.
func (l *contentLine) long(ctx context.Context) Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.Log
	}
	if l.own == nil {
		link := newLink()
		// It outlives the one who needs it first.
		own, err := l.agent.config.Connect(context.WithoutCancel(ctx), link.report)
		if err != nil {
			l.agent.log.Warn("attachments go over the line of the session", "err", err)
			return l.Log
		}
		l.own, l.link = own, link
	}
	ctx, cancel := context.WithTimeout(ctx, l.agent.config.Patience)
	defer cancel()
	for {
		up, changed, _ := l.link.state()
		if up {
			return l.own
		}
		select {
		case <-changed:
		case <-l.over.Done():
			return l.Log
		case <-ctx.Done():
			return l.Log
		}
	}
}

// end closes the connection. What still goes over it fails as over one that was lost.
func (l *contentLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.own == nil {
		return
	}
	if err := l.own.Close(); err != nil {
		l.agent.log.Warn("close the line of attachments", "err", err)
	}
}

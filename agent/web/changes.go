package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/feed"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// statusEvery keeps a bar that moves a thousand times a second from being sent as often.
const statusEvery = 200 * time.Millisecond

// changes answers GET /api/changes, a stream of server-sent events:
//
//	event: change   a record changed
//	event: status   the light or a count changed; as /api/status
//	event: open     which dossiers are open at other desks changed; as GET /api/open
//	event: reset    what came meanwhile cannot be told from the reader's id: read all anew
//
// Without Last-Event-ID the stream begins now, with a status; with it, it begins with the
// first change after the event of that id; with 0, with all there is. A reader resumes
// from the last id that it saw, whatever it stood on.
func (h *Handler) changes(w http.ResponseWriter, r *http.Request) error {
	s := &statusStream{handler: h}
	began, err := feed.Serve(w, r, feed.Config{
		Records: h.records, Changed: h.desk.Changed, Closed: h.closed, Heartbeat: h.heartbeat,
		Say: func(c projections.Change) any { return newChangeEvent(c) }, Between: s.send,
	})
	switch {
	case began && err != nil:
		h.log.Warn("stream of changes ended", "error", err)
		return nil
	case errors.Is(err, feed.ErrID):
		return badRequest("%v", err)
	}
	return err
}

// changeEvent is what is said of a change: which record, not what is in it.
type changeEvent struct {
	Type     string    `json:"type"`
	ID       string    `json:"id"`
	Patient  string    `json:"patient"`
	Event    events.ID `json:"event"`
	Author   string    `json:"author"`
	Device   string    `json:"device"`
	Sequence uint64    `json:"sequence"`          // 0 while it is queued
	Removed  bool      `json:"removed,omitempty"` // it was taken out again
}

func newChangeEvent(c projections.Change) changeEvent {
	return changeEvent{c.Record.Type, c.Record.ID, c.Patient, c.Event, c.Author, c.Device, c.Sequence, c.Removed}
}

// statusStream says the status to one reader.
type statusStream struct {
	handler *Handler
	status  []byte    // as it was last sent
	sentAt  time.Time // when
	open    []agent.Opened
}

// send sends the status where it differs from what the reader has. Where that would be
// too soon after the last one, it returns how long to wait.
func (s *statusStream) send(ctx context.Context, event func(name string, v any)) (wait time.Duration, err error) {
	if now := s.handler.openNow(); !slices.Equal(now.Open, s.open) {
		s.open = now.Open
		event("open", now)
	}
	status, err := s.handler.deskStatus(ctx)
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return 0, fmt.Errorf("write the status: %w", err)
	}
	if bytes.Equal(text, s.status) {
		return s.handler.soon(), nil
	}
	if wait := statusEvery - time.Since(s.sentAt); wait > 0 && !s.lightChanged(status) {
		return wait, nil
	}
	s.status, s.sentAt = text, time.Now()
	event("status", json.RawMessage(text))
	return s.handler.soon(), nil
}

// soon is when the status must be looked at again though nothing changes: the Sumehrs are
// judged a moment after the change.
func (h *Handler) soon() time.Duration {
	if h.sumehrs != nil && h.sumehrs.Stale() {
		return statusEvery
	}
	return 0
}

// lightChanged reports whether the light has another colour than the reader knows: that
// is never held back.
func (s *statusStream) lightChanged(now agent.Status) bool {
	var then struct {
		Light string `json:"light"`
	}
	return json.Unmarshal(s.status, &then) != nil || then.Light != string(now.Color)
}

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

const (
	// changesAtOnce is how many changes are read from the store at a time.
	changesAtOnce = 500
	// statusEvery keeps a bar that moves a thousand times a second from being sent as often.
	statusEvery = 200 * time.Millisecond
	// writeLimit ends the stream of a reader that does not read.
	writeLimit = 30 * time.Second
)

// changes answers GET /api/changes, a stream of server-sent events:
//
//	event: change   a record changed; its id is the arrival number of the change
//	event: status   the light or a count changed; as /api/status
//	event: reset    the numbers that the reader knows are not of this store: read all anew
//
// Without Last-Event-ID the stream begins now, with a status; with it, it begins with the
// first change after that number. Every id is an arrival number, so a reader resumes
// from the last id that it saw, whatever it stood on.
func (h *Handler) changes(w http.ResponseWriter, r *http.Request) error {
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	newest, err := h.newestArrival(ctx)
	if err != nil {
		return err
	}
	s := &stream{handler: h, after: after, out: w, controller: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	switch {
	case after == fromNow:
		s.after = newest
	case after > newest:
		s.after = newest
		s.event("reset", struct{}{})
	}
	// The answer has begun: from here on an error can only end it, and the reader resumes.
	if err := s.follow(ctx); err != nil && ctx.Err() == nil {
		h.log.Warn("stream of changes ended", "error", err)
	}
	return nil
}

// fromNow stands for a reader that has seen nothing.
const fromNow = -1

func lastEventID(r *http.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return fromNow, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, badRequest("Last-Event-ID %.40q is no arrival number", text)
	}
	return after, nil
}

// newestArrival finds the end of the feed by halving: some forty look-ups in an index,
// once per reader, and no reading of what is past.
func (h *Handler) newestArrival(ctx context.Context) (int64, error) {
	low, high := int64(0), int64(1) // the newest is at least low, and below high once that is found
	beyond := func(n int64) (bool, error) {
		some, err := h.records.Changes(ctx, n, 1)
		return len(some) > 0, err
	}
	for high < math.MaxInt64/2 {
		more, err := beyond(high - 1)
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
		low, high = high, high*2
	}
	for low < high-1 {
		middle := low + (high-low)/2
		more, err := beyond(middle - 1)
		if err != nil {
			return 0, err
		}
		if more {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// stream writes what happens to one reader.
type stream struct {
	handler    *Handler
	after      int64 // arrival number of the last change that was sent
	out        http.ResponseWriter
	controller *http.ResponseController
	buffer     bytes.Buffer
	status     []byte    // as it was last sent
	statusAt   time.Time // when
}

// follow sends until the reader goes, the handler closes or something fails.
func (s *stream) follow(ctx context.Context) error {
	heartbeat := time.NewTicker(s.handler.heartbeat)
	defer heartbeat.Stop()
	for {
		// The channel is taken before looking, so that nothing falls between.
		changed := s.handler.desk.Changed()
		if err := s.sendChanges(ctx); err != nil {
			return err
		}
		wait, err := s.sendStatus(ctx)
		if err != nil {
			return err
		}
		var late <-chan time.Time
		if wait > 0 {
			late = time.After(wait)
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.handler.closed:
			return nil
		case <-changed:
		case <-late:
		case <-heartbeat.C:
			s.buffer.WriteString(": still here\n\n")
		}
	}
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

func (s *stream) sendChanges(ctx context.Context) error {
	for {
		list, err := s.handler.records.Changes(ctx, s.after, changesAtOnce)
		if err != nil {
			return err
		}
		for _, c := range list {
			s.after = c.Arrival
			s.event("change", newChangeEvent(c))
		}
		if len(list) < changesAtOnce {
			return nil
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-s.handler.closed:
			return nil
		default:
		}
	}
}

// sendStatus sends the status where it differs from what the reader has. Where that
// would be too soon after the last one, it returns how long to wait.
func (s *stream) sendStatus(ctx context.Context) (wait time.Duration, err error) {
	status, err := s.handler.desk.Status(ctx)
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(status)
	if err != nil {
		return 0, fmt.Errorf("write the status: %w", err)
	}
	if bytes.Equal(text, s.status) {
		return 0, nil
	}
	if wait := statusEvery - time.Since(s.statusAt); wait > 0 && !s.lightChanged(status) {
		return wait, nil
	}
	s.status, s.statusAt = text, time.Now()
	s.event("status", json.RawMessage(text))
	return 0, nil
}

// lightChanged reports whether the light has another colour than the reader knows: that
// is never held back.
func (s *stream) lightChanged(now agent.Status) bool {
	var then struct {
		Light string `json:"light"`
	}
	return json.Unmarshal(s.status, &then) != nil || then.Light != string(now.Color)
}

// event puts one event into the buffer.
func (s *stream) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("web: an event of the stream cannot be written: %v", err)) // only our own plain structs come here
	}
	fmt.Fprintf(&s.buffer, "id: %d\nevent: %s\ndata: %s\n\n", s.after, name, data)
}

// flush sends the buffer.
func (s *stream) flush() error {
	// A server without deadlines on its connections has none to move; that is no fault.
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := s.buffer.WriteTo(s.out); err != nil {
		return fmt.Errorf("write to the reader: %w", err)
	}
	return s.controller.Flush()
}

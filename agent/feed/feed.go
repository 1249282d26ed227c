package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/carelog/carelog/projections"
)

const (
	// atOnce is how many changes are read from the store at a time.
	atOnce = 500
	// writeLimit ends the stream of a reader that does not read.
	writeLimit = 30 * time.Second
)

// Records is where changes are read. Changes answers projections.ErrFeed for a mark
// that is not of the file that stands there.
type Records interface {
	End(ctx context.Context) (projections.Mark, error)
	Changes(ctx context.Context, after projections.Mark, limit int) ([]projections.Change, error)
}

// Config says what a stream is made of.
type Config struct {
	Records Records
	// Changed returns a channel that is closed at the next change.
	Changed func() <-chan struct{}
	// Closed ends every stream.
	Closed <-chan struct{}
	// Heartbeat is the longest silence; 0 means 15 seconds.
	Heartbeat time.Duration
	// Say is what an event "change" says.
	Say func(projections.Change) any
	// Between, where it is not nil, may send more after the changes. It returns how long
	// to wait until it is asked again, even where nothing changes; 0: until something does.
	Between func(ctx context.Context, send func(name string, v any)) (time.Duration, error)
}

// ErrID says that a Last-Event-ID is none that a stream gave.
var ErrID = errors.New("the Last-Event-ID is none that this stream gave: leave it out to begin now, or send 0 for all there is")

// Serve sends what comes in until the reader goes or Config.Closed is closed, which is
// no error. Without a Last-Event-ID the stream begins now; with 0, at the beginning.
// ErrID, and any error before the first byte, leave w untouched; began says whether it is.
func Serve(w http.ResponseWriter, r *http.Request, c Config) (began bool, err error) {
	ctx := r.Context()
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	s := &stream{config: c, out: w, controller: http.NewResponseController(w)}
	if s.after, err = c.Records.End(ctx); err != nil {
		return false, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if s.after, err = parseID(last); err != nil {
			return false, err
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return true, nil
	}
	// The answer has begun: from here on an error can only end it, and the reader resumes.
	if err := s.follow(ctx); err != nil && ctx.Err() == nil {
		return true, err
	}
	return true, nil
}

// parseID reads an id. A number alone is the beginning, or of no numbering that is known.
func parseID(text string) (projections.Mark, error) {
	if n, err := strconv.ParseUint(text, 10, 62); err == nil {
		return projections.Mark{Arrival: int64(n)}, nil
	}
	m, err := projections.ParseMark(text)
	if err != nil {
		return m, ErrID
	}
	return m, nil
}

// stream writes what happens to one reader.
type stream struct {
	config     Config
	after      projections.Mark // of the last change that was sent
	out        http.ResponseWriter
	controller *http.ResponseController
	buffer     bytes.Buffer
}

// follow sends until the reader goes, the stream is closed or something fails.
func (s *stream) follow(ctx context.Context) error {
	heartbeat := time.NewTicker(s.config.Heartbeat)
	defer heartbeat.Stop()
	for {
		// The channel is taken before looking, so that nothing falls between.
		changed := s.config.Changed()
		if err := s.sendChanges(ctx); err != nil {
			return err
		}
		var late <-chan time.Time
		if s.config.Between != nil {
			wait, err := s.config.Between(ctx, s.event)
			if err != nil {
				return err
			}
			if wait > 0 {
				late = time.After(wait)
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.config.Closed:
			return nil
		case <-changed:
		case <-late:
		case <-heartbeat.C:
			s.buffer.WriteString(": still here\n\n")
		}
	}
}

func (s *stream) sendChanges(ctx context.Context) error {
	for {
		list, err := s.config.Records.Changes(ctx, s.after, atOnce)
		if errors.Is(err, projections.ErrFeed) {
			// Another file stands here: what the reader missed can only be read anew.
			if s.after, err = s.config.Records.End(ctx); err == nil {
				s.event("reset", struct{}{})
			}
		}
		if err != nil {
			return err
		}
		for _, c := range list {
			s.after = c.Mark
			s.event("change", s.config.Say(c))
		}
		if len(list) < atOnce {
			return nil
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-s.config.Closed:
			return nil
		default:
		}
	}
}

// event puts one event into the buffer.
func (s *stream) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("feed: an event cannot be written: %v", err)) // only plain structs of the doors come here
	}
	fmt.Fprintf(&s.buffer, "id: %s\nevent: %s\ndata: %s\n\n", s.after, name, data)
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

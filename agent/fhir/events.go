package fhir

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/carelog/carelog/agent/feed"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// eventsStep is the path of the stream.
const eventsStep = "_events"

// streams is what the streams of events have in common.
type streams struct {
	changed   func() <-chan struct{}
	heartbeat time.Duration
	closed    chan struct{}
	close     func()
}

func newStreams(c Config) streams {
	closed := make(chan struct{})
	return streams{changed: c.Changed, heartbeat: c.Heartbeat, closed: closed, close: sync.OnceFunc(func() { close(closed) })}
}

// Close ends all streams of events, which would otherwise hold up the end of a server:
// give it to http.Server.RegisterOnShutdown. It may be called again.
func (h *Handler) Close() { h.streams.close() }

// eventSaid is an event of the stream: which version of what came, and not what it says.
type eventSaid struct {
	Kind      string    `json:"kind"` // written, deleted, withdrawn, unverified, or the type of another event
	Type      string    `json:"type"`
	ID        string    `json:"id"`
	VersionID events.ID `json:"versionId"`
	Patient   string    `json:"patient,omitempty"`
	// LastUpdated is when it came here.
	LastUpdated string `json:"lastUpdated"`
}

// events answers GET /fhir/_events, a stream of server-sent events (see package feed):
//
//	event: change   a version came here
//	event: reset    what came meanwhile cannot be told from the client's id: read
//	                _history?_since with the last lastUpdated that was seen
func (h *Handler) events(w http.ResponseWriter, r *http.Request, _ events.Record) error {
	began, err := feed.Serve(w, r, feed.Config{
		Records: h.records, Changed: h.streams.changed, Closed: h.streams.closed, Heartbeat: h.streams.heartbeat, Say: sayEvent,
	})
	switch {
	case began && err != nil:
		h.log.Warn("stream of events ended", "err", err)
		return nil
	case errors.Is(err, feed.ErrID):
		return badRequest("value", "%v", err)
	}
	return err
}

func sayEvent(c projections.Change) any {
	said := eventSaid{Type: c.Record.Type, ID: c.Record.ID, VersionID: c.Event, Patient: c.Patient, LastUpdated: c.Arrived.Format(instant)}
	switch {
	case c.Removed:
		said.Kind = "withdrawn"
	case c.Doubt != "" && c.Doubt != projections.DoubtUnopened:
		said.Kind = "unverified"
	case c.Type == events.Written:
		said.Kind = "written"
	case c.Type == events.Deleted:
		said.Kind = "deleted"
	default:
		said.Kind = string(c.Type)
	}
	return said
}

package fhir_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// listener reads a stream of events.
type listener struct {
	t      *testing.T
	lines  *bufio.Scanner
	answer *http.Response
}

type said struct {
	id, event string
	data      struct{ Kind, Type, ID, VersionID, Patient, LastUpdated string }
	raw       string
}

// listen opens a stream at a real server.
func (d *desk) listen(t *testing.T, url, lastID string) *listener { return listenAt(t, url, lastID) }

func listenAt(t *testing.T, url, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/fhir/_events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %s of %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	return &listener{t, bufio.NewScanner(answer.Body), answer}
}

func (l *listener) next() (s said) {
	l.t.Helper()
	for l.lines.Scan() {
		name, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch name {
		case "id":
			s.id = value
		case "event":
			s.event = value
		case "data":
			s.raw = value
			if err := json.Unmarshal([]byte(value), &s.data); err != nil {
				l.t.Fatal(err)
			}
		case "":
			if s.event != "" {
				return s
			}
		}
	}
	l.t.Fatalf("the stream ended: %v", l.lines.Err())
	return s
}

func serve(t *testing.T, d *desk) *httptest.Server {
	server := httptest.NewUnstartedServer(d.door)
	server.Config.RegisterOnShutdown(d.door.(*fhir.Handler).Close)
	server.Start()
	t.Cleanup(func() {
		d.door.(*fhir.Handler).Close()
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server
}

func TestEvents(t *testing.T) {
	d := newDesk(t)
	old := d.elsewhere("Basic/b0", "p1", basicOf("b0", "p1", "before anybody listened"))
	url := serve(t, d).URL
	now := d.listen(t, url, "")
	first := d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "secret"))
	one := now.next()
	if one.event != "change" || one.data.Kind != "written" || one.data.Type != "Basic" || one.data.ID != "b1" || one.data.VersionID != first.String() ||
		one.data.Patient != "p1" || one.data.LastUpdated == "" || strings.Contains(one.raw, "secret") {
		t.Errorf("got %+v", one)
	}
	d.elsewhere("Basic/b1", "p1", "", first)
	if got := now.next(); got.data.Kind != "deleted" {
		t.Errorf("got %+v, want the deletion", got)
	}
	d.offline = true
	queued := d.do("PUT", "/fhir/Basic/b3", basicOf("b3", "p1", "queued")).want(201).version()
	now.next()
	if err := d.store.Remove(t.Context(), queued); err != nil {
		t.Fatal(err)
	}
	d.changed.fire()
	if got := now.next(); got.data.Kind != "withdrawn" || got.data.VersionID != queued.String() {
		t.Errorf("got %+v, want the write that was taken out", got)
	}
	resumed := d.listen(t, url, one.id)
	if got := resumed.next(); got.data.Kind != "deleted" {
		t.Errorf("resumed with %+v, want the one after", got)
	}
	if got := d.listen(t, url, "0").next(); got.data.VersionID != old.String() {
		t.Errorf("from the beginning: %+v, want the first of all", got)
	}
	d.do("GET", "/fhir/_events", "", "Last-Event-ID: x").want(400)
	d.do("POST", "/fhir/_events", "{}").want(405)
}

// TestEventsOfAnotherFile: a client whose id is of records that were replaced since is
// told, before and in the middle of its stream; what came is in the history since the
// lastUpdated that it saw.
func TestEventsOfAnotherFile(t *testing.T) {
	d := newDesk(t)
	d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "here first"))
	url := serve(t, d).URL
	l := d.listen(t, url, "0")
	seen := l.next()

	missed := d.other.Make(eventstest.Change{Record: "Basic/b2", Patient: "p1", Body: basicOf("b2", "p1", "only in the snapshot")})
	copied := t.TempDir() + "/copy.db"
	store, err := projections.Open(t.Context(), t.TempDir()+"/there.db", projections.Options{Practice: d.practice.ID, Opener: d.practice.Ring.Open,
		Now: func() time.Time { return eventstest.Epoch }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	batch := projections.Batch{Entries: []projections.Entry{{Sequence: 1, Stored: eventstest.Epoch, Event: missed, Body: []byte(basicOf("b2", "p1", "only in the snapshot"))}}}
	batch.Position.Sequence, batch.Stream = 1, "s"
	if _, err := store.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Replace(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	d.changed.fire()
	if got := l.next(); got.event != "reset" {
		t.Errorf("got %+v in the middle of the stream, want a reset", got)
	}
	again := d.listen(t, url, seen.id)
	reset := again.next()
	if reset.event != "reset" || reset.id == seen.id {
		t.Fatalf("got %+v, want a reset to the numbers that count now", reset)
	}
	past := d.do("GET", "/fhir/_history?_since="+seen.data.LastUpdated, "").want(200)
	if !strings.Contains(past.Body.String(), missed.ID.String()) {
		t.Errorf("what the snapshot brought is not in the history since: %s", past.Body)
	}
	d.elsewhere("Basic/b3", "p1", basicOf("b3", "p1", "after"))
	if got := again.next(); got.data.ID != "b3" {
		t.Errorf("after the reset: %+v", got)
	}
}

// TestListenersLeaveRoom: a stream of events takes no place of those who ask and go, and
// there are not more streams than there may be.
func TestListenersLeaveRoom(t *testing.T) {
	d := newDesk(t)
	c := doorConfig(d, unread{d.store, d})
	c.Concurrent = 1
	door := fhir.New(c)
	t.Cleanup(door.Close)
	d.door = door
	url := serve(t, d).URL
	l := d.listen(t, url, "")
	d.do("GET", "/fhir/metadata", "").want(200)
	if got := d.do("GET", "/fhir/_events/", "").want(429); got.issueCode() != "throttled" || got.Header().Get("Retry-After") == "" {
		t.Errorf("one stream too many: %v %s", got.Header(), got.Body)
	}
	d.elsewhere("Basic/b1", "p1", basicOf("b1", "p1", "x"))
	if got := l.next(); got.data.ID != "b1" {
		t.Errorf("the stream says %+v", got)
	}
}

func TestEventsBeatAndEnd(t *testing.T) {
	d := newDesk(t)
	l := d.listen(t, serve(t, d).URL, "")
	for l.lines.Scan() && !strings.HasPrefix(l.lines.Text(), ":") {
		t.Errorf("got %q in a silence, want a comment", l.lines.Text())
	}
	d.door.(*fhir.Handler).Close()
	for l.lines.Scan() {
		if strings.HasPrefix(l.lines.Text(), "event:") {
			t.Errorf("got %q after the end", l.lines.Text())
		}
	}
	if err := l.lines.Err(); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
}

package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stream is an open stream of changes.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	cancel context.CancelFunc
	answer *http.Response
}

type message struct{ id, event, data string }

func (d *desk) listen(t *testing.T, lastID string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	r, err := http.NewRequestWithContext(ctx, "GET", d.url+"/api/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, lines: bufio.NewScanner(answer.Body), cancel: cancel, answer: answer}
	t.Cleanup(s.close)
	return s
}

func (s *stream) close() {
	s.cancel()
	_ = s.answer.Body.Close()
}

// next is the next message that is no heartbeat.
func (s *stream) next() message {
	s.t.Helper()
	var m message
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if m.event != "" {
				return m
			}
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return m
}

// change is the next change, whatever is said of the status before it.
func (s *stream) change() message {
	s.t.Helper()
	for {
		if m := s.next(); m.event == "change" {
			return m
		}
	}
}

func TestStreamBeginsNow(t *testing.T) {
	d := newDesk(t)
	for i := range 9 { // the end of the feed must be found among more than one change
		d.arrives(fmt.Sprintf("Condition/x%d", i), "p1", "dr-1", strings.Replace(note("old"), "c1", fmt.Sprintf("x%d", i), 1))
	}
	s := d.listen(t, "")
	if got := s.answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got Content-Type %q, want text/event-stream", got)
	}
	first := s.next()
	if first.event != "status" || !strings.Contains(first.data, `"light":"online"`) || first.id == "" || first.id == "0" {
		t.Fatalf("got %+v, want the status under the number of the last arrival", first)
	}
	d.arrives("Condition/c1", "p1", "dr-7", note("new"))
	m := s.change()
	var c struct{ Type, ID, Patient, Author, Device string }
	if err := json.Unmarshal([]byte(m.data), &c); err != nil || c.ID != "c1" || c.Patient != "p1" || c.Author != "dr-7" || c.Device != "desk-2" {
		t.Errorf("got %+v (%v), want the new change alone", m, err)
	}
	if strings.Contains(m.data, "Asthma") || strings.Contains(m.data, "new") {
		t.Errorf("got %s, want no content in the feed", m.data)
	}
}

func TestStreamResumes(t *testing.T) {
	d := newDesk(t)
	s := d.listen(t, "")
	status := s.next()
	d.arrives("Condition/c1", "p1", "dr-1", note("one"))
	one := s.change()
	s.close()
	d.arrives("Condition/c2", "p1", "dr-1", strings.Replace(note("two"), "c1", "c2", 1))
	d.arrives("Condition/c3", "p1", "dr-1", strings.Replace(note("three"), "c1", "c3", 1))

	again := d.listen(t, one.id)
	if two, three := again.change(), again.change(); !strings.Contains(two.data, `"c2"`) || !strings.Contains(three.data, `"c3"`) {
		t.Errorf("got %+v and %+v, want what came while nobody listened, in order", two, three)
	}
	whole := d.listen(t, status.id) // the id of a status resumes as well
	if got := whole.change(); !strings.Contains(got.data, `"c1"`) {
		t.Errorf("got %+v, want the first change after the status", got)
	}
	every := d.listen(t, "0")
	if got := every.change(); got.id != one.id {
		t.Errorf("got %+v after 0, want the first change, %s", got, one.id)
	}
}

func TestStreamOfMoreThanABatch(t *testing.T) {
	d := newDesk(t)
	s := d.listen(t, "0")
	const n = 1200
	for i := range n {
		d.arrives("Condition/c1", "p1", "dr-1", note(fmt.Sprint(i)))
	}
	s2 := d.listen(t, "0")
	for _, stream := range []*stream{s, s2} {
		last := ""
		for i := range n {
			m := stream.change()
			if m.id == last {
				t.Fatalf("change %d has the number of the one before it, %s", i, m.id)
			}
			last = m.id
		}
	}
}

func TestStreamOfAnotherStore(t *testing.T) {
	d := newDesk(t)
	d.arrives("Condition/c1", "p1", "dr-1", note("one"))
	s := d.listen(t, "999999")
	if m := s.next(); m.event != "reset" || m.id == "999999" {
		t.Errorf("got %+v, want a reset to our own numbers: the reader knows another store's", m)
	}
	for _, id := range []string{"x", "-1", "1.5"} {
		if answer, text := d.ask("GET", "/api/changes", "", "Last-Event-ID: "+id); answer.StatusCode != 400 {
			t.Errorf("Last-Event-ID %s: got %s %s, want 400", id, answer.Status, text)
		}
	}
}

func TestStreamSaysLightAndHeartbeat(t *testing.T) {
	d := newDesk(t)
	s := d.listen(t, "")
	s.next()
	for s.lines.Scan() && !strings.HasPrefix(s.lines.Text(), ":") {
		t.Errorf("got %q in a silence, want a heartbeat", s.lines.Text())
	}
	if err := d.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := s.next(); m.event != "status" || !strings.Contains(m.data, `"light":"offline"`) {
		t.Errorf("got %+v, want the light off", m)
	}
	d.pages.Close()
	d.pages.Close()
	for s.lines.Scan() {
		if strings.HasPrefix(s.lines.Text(), "event:") {
			t.Errorf("got %q after Close, want the end", s.lines.Text())
		}
	}
	if err := s.lines.Err(); err != nil {
		t.Errorf("the stream broke with %v, want an end", err)
	}
}

package fhir_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// watchedDesk is a real desk that keeps who looks at what, and sends it when it is told to.
type watchedDesk struct {
	*realDesk
	looks *trail.Trail
	loses bool // the answer to what is sent next
}

// answerless loses the answer to what was stored.
type answerless struct{ trail.Server }

func (s answerless) PutLooks(ctx context.Context, data []byte, after uint64) (uint64, error) {
	if _, err := s.Server.PutLooks(ctx, data, after); err != nil {
		return 0, err
	}
	return 0, events.ErrUnknownOutcome
}

func (o *office) watched(t *testing.T, name string) *watchedDesk {
	t.Helper()
	d := &watchedDesk{realDesk: o.desk(name, 0)}
	e := d.Config.Enrolment
	var err error
	d.looks, err = trail.Open(trail.Config{Folder: filepath.Join(t.TempDir(), "trail"), Device: e.Device, Practice: &trail.Practice{
		ID: e.Practice, Key: e.PracticeKey, Sign: e.SigningKey(), Trusted: d.DeviceKey, Busy: d.Owes,
		Server: func() trail.Server {
			switch server := d.Looks(); {
			case server == nil:
				return nil
			case d.loses:
				return answerless{server}
			default:
				return server
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.looks.Close(); err != nil {
			t.Error(err)
		}
	})
	d.door = fhir.New(fhir.Config{Desk: d.Agent, Records: d.Records(), Author: func(r *http.Request) string { return r.Header.Get("Carelog-User") }, Version: "test", Started: eventstest.Epoch, Trail: d.looks})
	d.AwaitGreen()
	return d
}

// send sends what the desk kept.
func (d *watchedDesk) send(t *testing.T) {
	t.Helper()
	d.AwaitGreen()
	if err := d.looks.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// readers are who read a record at which desk, sorted, and the codes of what the
// answer says of itself.
func (d *watchedDesk) readers(record string) (list, notes []string) {
	d.t.Helper()
	seen := make(map[string]bool)
	for _, e := range d.ask("GET", "/fhir/AuditEvent?_count=1000&entity="+url.QueryEscape(record), "").want(200).bundle().Entry {
		var a struct {
			ID      string
			Subtype []struct{ Code string }
			Agent   []struct {
				Who struct{ Reference string }
			}
			Source struct {
				Observer struct{ Reference string }
			}
			Issue []struct{ Code string }
		}
		if err := json.Unmarshal(e.Resource, &a); err != nil {
			d.t.Fatal(err)
		}
		for _, i := range a.Issue {
			notes = append(notes, i.Code)
		}
		if a.ID == "" || a.Subtype[0].Code != "read" {
			continue
		}
		if seen[a.ID] {
			d.t.Errorf("%s is found twice", a.ID)
		}
		seen[a.ID] = true
		list = append(list, strings.TrimPrefix(a.Agent[0].Who.Reference, "Practitioner/")+" at "+a.Source.Observer.Reference)
	}
	for id := range maps.Keys(seen) {
		d.ask("GET", "/fhir/AuditEvent/"+id, "").want(200)
		past := d.ask("GET", "/fhir/AuditEvent/"+id+"/_history", "").want(200).bundle()
		if len(past.Entry) != 1 {
			d.t.Errorf("%s has %d versions", id, len(past.Entry))
		}
		if past := d.ask("GET", "/fhir/AuditEvent/"+id+"/_history?_since=2999-01-01T00:00:00Z", "").want(200).bundle(); len(past.Entry) != 0 || !strings.Contains(past.link("self"), "_since=") {
			d.t.Errorf("%s has %d versions since 2999", id, len(past.Entry))
		}
		d.ask("GET", "/fhir/AuditEvent/"+id+"/_history/1", "").want(200)
		d.ask("GET", "/fhir/AuditEvent/"+id+"/_history/2", "").want(404)
	}
	slices.Sort(list)
	return list, notes
}

func wantReaders(t *testing.T, d *watchedDesk, incomplete bool, want ...string) {
	t.Helper()
	got, notes := d.readers("Basic/b1")
	if !slices.Equal(got, want) || slices.Contains(notes, "incomplete") != incomplete {
		t.Errorf("desk %s knows of %v (%v), want %v", d.Name, got, notes, want)
	}
}

// TestWhoLookedAtAnotherDesk: who read a dossier at one desk is found at the other, with
// the desk; what was read offline comes later, and what was sent and never acknowledged
// is found once.
func TestWhoLookedAtAnotherDesk(t *testing.T) {
	o := emptyOffice(t)
	one, two := o.watched(t, "one"), o.watched(t, "two")
	v := one.ask("PUT", "/fhir/Basic/b1", basicOf("b1", "p1", "x")).want(201).version()
	two.awaitEvent("Basic/b1", v)
	look := func(d *watchedDesk, who string) {
		d.ask("GET", "/fhir/Basic/b1", "", "Carelog-User: "+who).want(200)
	}
	look(one, "dr-1")
	look(two, "dr-2")
	two.send(t)
	wantReaders(t, one, false, "dr-1 at Device/one", "dr-2 at Device/two")
	wantReaders(t, two, false, "dr-2 at Device/two")
	one.send(t)
	wantReaders(t, two, false, "dr-1 at Device/one", "dr-2 at Device/two")

	two.line.Cut() // it did not happen
	look(two, "dr-3")
	if err := two.looks.Send(t.Context()); err == nil {
		t.Error("looks are sent over a line that was cut")
	}
	wantReaders(t, one, false, "dr-1 at Device/one", "dr-2 at Device/two")
	wantReaders(t, two, true, "dr-2 at Device/two", "dr-3 at Device/two")

	two.line.Mend()
	two.AwaitGreen()
	two.loses = true // it did happen, and nobody was told
	if err := two.looks.Send(t.Context()); !errors.Is(err, events.ErrUnknownOutcome) {
		t.Errorf("sent without an answer: %v", err)
	}
	two.loses = false
	wantReaders(t, one, false, "dr-1 at Device/one", "dr-2 at Device/two", "dr-3 at Device/two")
	look(two, "dr-4")
	two.send(t)
	wantReaders(t, one, false, "dr-1 at Device/one", "dr-2 at Device/two", "dr-3 at Device/two", "dr-4 at Device/two")
}

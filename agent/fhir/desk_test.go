package fhir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a door before a real store. Writes are made as the agent makes them, but
// without an outbox and a broker: the test says whether the server takes them.
type desk struct {
	t        testing.TB
	door     http.Handler
	store    *projections.Store
	practice *eventstest.Practice
	here     *eventstest.Device
	other    *eventstest.Device
	offline  bool
	fault    error           // of the next write
	partial  bool            // the desk has not read everything
	whole    map[string]bool // dossiers that are here all the same
	indexing bool            // the index is not complete
	writes   int
	last     uint64
	changed  signal
}

// signal is what whoever waits for a change waits on.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
	}
	s.ch = nil
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	p := eventstest.New(t, nil)
	d := &desk{t: t, practice: p, here: p.Stranger("desk-1"), other: p.Stranger("desk-2")}
	now := eventstest.Epoch.AddDate(0, 1, 0)
	var err error
	d.store, err = projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), projections.Options{
		Practice: p.ID, Opener: p.Ring.Open, Now: func() time.Time { now = now.Add(time.Second); return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.store.Check(context.Background()); err != nil {
			t.Errorf("the store is not what its events make of it: %v", err)
		}
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
	door := newDoor(d, unread{d.store, d})
	t.Cleanup(door.Close)
	d.door = door
	return d
}

// newDoor is a door before a desk and its records.
func newDoor(d *desk, records fhir.Records) *fhir.Handler {
	return fhir.New(doorConfig(d, records))
}

func doorConfig(d *desk, records fhir.Records) fhir.Config {
	return fhir.Config{
		Desk: d, Records: records, Version: "test", Started: eventstest.Epoch,
		Author:  userOf,
		Changed: d.changed.wait, Heartbeat: 50 * time.Millisecond,
	}
}

// userOf is who makes a request, as a header says.
func userOf(r *http.Request) string { return r.Header.Get("Carelog-User") }

// Write does what agent.Agent does, as far as the door can see.
func (d *desk) Write(ctx context.Context, draft agent.Draft) (agent.Written, error) {
	if err := d.fault; err != nil {
		d.fault = nil
		return agent.Written{}, err
	}
	c, err := agenttest.Change(ctx, d.store, draft)
	if err != nil {
		return agent.Written{}, err
	}
	e := d.here.Make(c)
	d.writes++
	if d.offline {
		d.apply(e, []byte(c.Body), 0)
		return agent.Written{ID: e.ID}, nil
	}
	d.apply(e, []byte(c.Body), d.next())
	return agent.Written{ID: e.ID, Sequence: d.last}, nil
}

// Transact writes one after the other; see agent.Agent for what it does.
func (d *desk) Transact(ctx context.Context, plan agent.Plan) ([]agent.Written, error) {
	return agenttest.OneByOne(ctx, d, plan)
}

// NameFor is not keyed here.
func (d *desk) NameFor(what string, number int) string { return agenttest.NameFor(what, number) }

// Need fails for what a desk that has not read everything did not fetch.
func (d *desk) Need(_ context.Context, patient string) error {
	if d.partial && !d.whole[patient] {
		return agent.ErrIncomplete
	}
	return nil
}

func (d *desk) Incomplete(context.Context) error {
	if d.partial {
		return agent.ErrIncomplete
	}
	return nil
}

// unread is the store as agent.Records shows it.
type unread struct {
	*projections.Store
	desk *desk
}

func (r unread) Record(ctx context.Context, record events.Record) (projections.State, error) {
	state, err := r.Store.Record(ctx, record)
	if errors.Is(err, projections.ErrNotFound) && r.desk.partial {
		err = errors.Join(err, agent.ErrIncomplete)
	}
	return state, err
}

func (r unread) Search(ctx context.Context, q projections.Query) (projections.Page, error) {
	page, err := r.Store.Search(ctx, q)
	page.Partial = page.Partial || r.desk.indexing
	return page, err
}

func (d *desk) Resolve(ctx context.Context, r agent.Resolution) (agent.Written, error) {
	draft, err := agenttest.Choice(ctx, d.store, r)
	if err != nil {
		return agent.Written{}, err
	}
	return d.Write(ctx, draft)
}

func (d *desk) next() uint64 { d.last++; return d.last }

func (d *desk) apply(e *events.Event, body []byte, sequence uint64) {
	d.t.Helper()
	entry := projections.Entry{Sequence: sequence, Event: e}
	if e.Type == events.Written {
		entry.Body = body
	}
	if sequence > 0 {
		entry.Stored = eventstest.Epoch.Add(time.Duration(sequence) * time.Minute)
	}
	if _, err := d.store.Apply(d.t.Context(), projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
		d.t.Fatal(err)
	}
	d.changed.fire()
}

// elsewhere is a change that another desk made; an empty body deletes.
func (d *desk) elsewhere(record, patient, body string, parents ...events.ID) events.ID {
	d.t.Helper()
	c := changeOf(record, patient, body, parents...)
	if body == "" {
		c.Type = events.Deleted
	}
	e := d.other.Make(c)
	d.apply(e, []byte(body), d.next())
	return e.ID
}

// reply is an answer of the door.
type reply struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// do sends a request and checks the answer. Headers are "Name: value".
func (d *desk) do(method, path, body string, headers ...string) reply {
	d.t.Helper()
	return d.check(d.ask(method, path, body, headers...))
}

// ask sends a request.
func (d *desk) ask(method, path, body string, headers ...string) reply {
	return asked(d.t, d.door, method, path, body, headers...)
}

// asked sends a request to a door. Headers are "Name: value".
func asked(t testing.TB, door http.Handler, method, path, body string, headers ...string) reply {
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:7878"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return reply{w, t}
}

// check holds what is true of every answer.
func (d *desk) check(got reply) reply {
	d.t.Helper()
	body := got.Body.Bytes()
	if len(body) > 0 {
		if ct := got.Header().Get("Content-Type"); ct != "application/fhir+json; charset=utf-8" {
			d.t.Errorf("content type %q", ct)
		}
		if err := structure.Check(body); err != nil {
			d.t.Errorf("the answer is no resource of R4: %v\n%s", err, body)
		}
	}
	if got.Code >= 400 && !bytes.Contains(body, []byte(`"OperationOutcome"`)) {
		d.t.Errorf("%d without an OperationOutcome: %s", got.Code, body)
	}
	return got
}

// want fails the test where the answer has another status.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.Code != status {
		r.t.Fatalf("got %d, want %d: %s", r.Code, status, r.Body)
	}
	return r
}

// version is the id in the ETag.
func (r reply) version() events.ID {
	r.t.Helper()
	tag := r.Header().Get("ETag")
	id, err := events.ParseID(strings.TrimSuffix(strings.TrimPrefix(tag, `W/"`), `"`))
	if err != nil {
		r.t.Fatalf("ETag %q: %v", tag, err)
	}
	return id
}

// issueCode is that of the first issue.
func (r reply) issueCode() string {
	var o struct{ Issue []struct{ Code string } }
	if err := json.Unmarshal(r.Body.Bytes(), &o); err != nil || len(o.Issue) == 0 {
		return ""
	}
	return o.Issue[0].Code
}

// bundle is an answer of several resources.
type bundle struct {
	Type  string
	Total *int
	Meta  struct{ Tag []fhirjson.Tag }
	Link  []struct{ Relation, URL string }
	Entry []struct {
		FullURL  string
		Link     []struct{ Relation, URL string }
		Resource json.RawMessage
		Search   struct{ Mode string }
		Request  struct{ Method, URL string }
		Response struct{ Status, ETag, Location string }
	}
}

func (r reply) bundle() bundle {
	r.t.Helper()
	var b bundle
	if err := json.Unmarshal(r.Body.Bytes(), &b); err != nil {
		r.t.Fatalf("%v: %s", err, r.Body)
	}
	return b
}

func (b bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

// ids are those of the resources that match.
func (b bundle) ids(t testing.TB) []string {
	t.Helper()
	ids := []string{}
	for _, e := range b.Entry {
		head, err := fhirjson.Check(e.Resource)
		if err != nil {
			t.Fatal(err)
		}
		if e.Search.Mode == "match" {
			ids = append(ids, head.ID)
		}
	}
	return ids
}

// changeOf is a version that another desk writes.
func changeOf(record, patient, body string, parents ...events.ID) eventstest.Change {
	return eventstest.Change{Record: record, Patient: patient, Author: "dr-2", Body: body, Parents: parents}
}

// applyUnopened takes in an event whose key is not here.
func (d *desk) applyUnopened(e *events.Event) {
	d.t.Helper()
	entry := projections.Entry{Sequence: d.next(), Stored: eventstest.Epoch, Event: e, Doubt: projections.DoubtUnopened, Reason: "no key"}
	if _, err := d.store.Apply(d.t.Context(), projections.Batch{Entries: []projections.Entry{entry}}); err != nil {
		d.t.Fatal(err)
	}
}

// endless is a body of spaces that counts how much of it was read.
type endless struct{ read int }

func (b *endless) Read(p []byte) (int, error) {
	b.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

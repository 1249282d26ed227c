package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/agent/web"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

func TestMain(m *testing.M) {
	// That of the browser: both are of one PC. time.Local itself is read by goroutines that
	// nats-server starts before main, so it is not written.
	if _, err := time.LoadLocation("Europe/Brussels"); err == nil {
		_ = os.Setenv("TZ", "Europe/Brussels") // fails for no such name
	}
	code := m.Run()
	shared.stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// desk is a desk without an outbox and a broker: a real store, the real doors and the
// real guard, and an agent of which the test decides whether the server takes its writes.
type desk struct {
	t       testing.TB
	token   string
	guard   *guard.Guard
	store   *projections.Store
	url     string
	server  *httptest.Server
	doors   http.Handler
	fhir    http.Handler
	sumehrs *behind.Table
	letters *attachments.Store

	mu       sync.Mutex // of all below
	pages    *web.Handler
	practice *eventstest.Practice
	here     *eventstest.Device
	other    *eventstest.Device
	last     uint64
	status   agent.Status
	queue    []agent.Queued
	retried  []events.ID
	gone     []string // discards: event, author, reason
	drop     int      // so many writes are made, and their answer is lost
	dead     bool     // it answers nobody
	changed  chan struct{}
	agenda   []string // that was asked for
	looks    []trail.Entry
	asked    []string
	read     []agent.DevicePosition
	past     []light.Episode
	opened   map[string]agent.Opened // what pages have open, here
	open     []agent.Opened          // elsewhere
}

// Add keeps who looked at what.
func (d *desk) Add(e trail.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks = append(d.looks, e)
}

// OpenAttachment opens what is on this desk; there is no server.
func (d *desk) OpenAttachment(ctx context.Context, patient string, of events.Attachment) (*attachments.Content, error) {
	seal, err := d.practice.Ring.PieceSeal(patient, of)
	if err != nil {
		return nil, err
	}
	return d.letters.Open(ctx, seal)
}

// asked keeps in whose name the FHIR door is asked for patients.
type asked struct {
	fhir.Looks
	d *desk
}

func (a asked) Add(e trail.Entry) {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if e.What == "Patient" {
		a.d.asked = append(a.d.asked, e.Agent)
	}
}

// askers is in whose names the FHIR door is asked for patients while f runs.
func (d *desk) askers(f func()) []string {
	d.set(func() { d.asked = nil })
	f()
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	p := eventstest.New(t, nil)
	d := &desk{t: t, token: guard.NewToken(), practice: p, here: p.Stranger("desk-1"), other: p.Stranger("desk-2"), changed: make(chan struct{})}
	now := eventstest.Epoch.AddDate(0, 1, 0)
	var err error
	d.store, err = projections.Open(t.Context(), filepath.Join(t.TempDir(), "record.db"), projections.Options{
		Practice: p.ID, Opener: p.Ring.Open, Now: func() time.Time { now = now.Add(time.Second); return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.guard, err = guard.Open(guard.Config{Token: d.token, Author: "dr-1"}); err != nil {
		t.Fatal(err)
	}
	d.status = agent.Status{
		State:    light.State{Color: light.Online, Since: eventstest.Epoch, Reason: "everything is on the server"},
		Practice: p.ID, Device: "desk-1", DeviceName: "Consultation room 1",
		Server: agent.ServerStatus{URL: "tls://log.example.be:4222", Agreed: eventstest.Epoch},
	}
	d.sumehrs = behind.New(behind.Config{Desk: d, Records: d.store})
	door := fhir.New(fhir.Config{Desk: d, Records: d.store, Author: guard.Author, Version: "test", Started: eventstest.Epoch, Trail: asked{d: d}})
	d.fhir = door
	if d.letters, err = attachments.Open(attachments.Config{Dir: filepath.Join(t.TempDir(), "letters"), Room: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	d.serving(web.New(web.Config{Desk: d, Records: d.store, Trail: d, Sumehrs: d.sumehrs, FHIR: door, Attachments: d, Heartbeat: 50 * time.Millisecond}))
	mux := http.NewServeMux()
	mux.Handle("/fhir/", door)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		pages := d.pages
		d.mu.Unlock()
		pages.ServeHTTP(w, r)
	})
	d.doors = d.losing(mux)
	server := httptest.NewUnstartedServer(d.living(d.guard.Handler(d.doors)))
	d.server = server
	server.Start()
	d.url = server.URL
	t.Cleanup(func() {
		d.pages.Close()
		server.CloseClientConnections()
		server.Close()
		if err := d.store.Check(context.Background()); err != nil {
			t.Errorf("the store is not what its events make of it: %v", err)
		}
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// serving has the desk answer with these pages from now on.
func (d *desk) serving(pages *web.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages = pages
}

// Transact writes one after the other; see agent.Agent for what it does.
func (d *desk) Transact(ctx context.Context, plan agent.Plan) ([]agent.Written, error) {
	return agenttest.OneByOne(ctx, d, plan)
}

// NameFor is not keyed here.
func (d *desk) NameFor(what string, number int) string { return agenttest.NameFor(what, number) }

// Need fails as long as the status says that not everything is here.
func (d *desk) Need(context.Context, string) error {
	if err := d.Incomplete(context.Background()); err != nil {
		return err
	}
	return nil
}

func (d *desk) Incomplete(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status.Incomplete {
		return agent.ErrIncomplete
	}
	return nil
}

func (d *desk) Prefetch(patients []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.agenda = patients
	return nil
}

// losing loses the answer to a write that was made.
func (d *desk) losing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		lose := r.Method == http.MethodPut && d.drop > 0
		if lose {
			d.drop--
		}
		d.mu.Unlock()
		if lose {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// signal wakes whoever waits on Changed. d.mu is held.
func (d *desk) signal() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// set changes the desk under its lock, and says so.
func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	d.signal()
}

func (d *desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

func (d *desk) Status(ctx context.Context) (agent.Status, error) {
	counts, err := d.store.Counts(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Conflicts, s.Outbox = counts.Conflicts, len(d.queue)
	s.Position.Sequence, s.Server.Sequence = max(d.last, s.Position.Sequence), max(d.last, s.Server.Sequence)
	return s, err
}

func (d *desk) WorkOffline(context.Context) error {
	d.set(func() {
		d.status.ByChoice = true
		d.status.Color, d.status.Reason = light.Offline, "you chose to work offline"
	})
	return nil
}

func (d *desk) WorkOnline(context.Context) error {
	d.set(func() {
		d.status.ByChoice = false
		d.status.Color, d.status.Reason = light.Online, "everything is on the server"
	})
	return nil
}

func (d *desk) Prove(context.Context) error { return nil }

func (d *desk) RevokeDevice(_ context.Context, device, _ string) (string, agent.Written, error) {
	return "U-" + device, agent.Written{}, nil
}

func (d *desk) RevokeName(_ context.Context, device, _ string) (agent.Written, error) {
	if device != "ghost" {
		return agent.Written{}, agent.ErrNotFound
	}
	return agent.Written{}, nil
}

func (d *desk) Outbox(context.Context) ([]agent.Queued, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.queue), nil
}

func (d *desk) Retry(_ context.Context, id events.ID) error {
	return d.unqueue(id, func() { d.retried = append(d.retried, id) })
}

func (d *desk) Discard(_ context.Context, id events.ID, author, reason string) error {
	return d.unqueue(id, func() { d.gone = append(d.gone, fmt.Sprintf("%s by %s: %s", id, author, reason)) })
}

func (d *desk) Acknowledge(_ context.Context, code, fact, author, reason string) (agent.Written, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.IndexFunc(d.status.Warnings, func(w agent.Warning) bool { return w.Code == code })
	switch {
	case author == "":
		return agent.Written{}, agent.ErrNobodyAnswers
	case at < 0:
		return agent.Written{}, agent.ErrNoWarning
	case d.status.Warnings[at].Fact == "":
		return agent.Written{}, agent.ErrNotLasting
	case d.status.Warnings[at].Fact != fact:
		return agent.Written{}, agent.ErrOtherFact
	}
	seen := agent.Acknowledged{Warning: d.status.Warnings[at], By: author, At: eventstest.Epoch, Reason: reason}
	d.status.Warnings = slices.Delete(slices.Clone(d.status.Warnings), at, at+1)
	d.status.Acknowledged = append(d.status.Acknowledged, seen)
	d.signal()
	return agent.Written{Sequence: 1}, nil
}

func (d *desk) unqueue(id events.ID, then func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := slices.IndexFunc(d.queue, func(q agent.Queued) bool { return q.ID == id && q.SetAside })
	if at < 0 {
		return agent.ErrNotFound
	}
	d.queue = slices.Delete(d.queue, at, at+1)
	then()
	d.signal()
	return nil
}

// Write does what agent.Agent does, as far as the doors can see.
func (d *desk) Write(ctx context.Context, draft agent.Draft) (agent.Written, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := agenttest.Change(ctx, d.store, draft)
	if err != nil {
		return agent.Written{}, err
	}
	e := d.here.Make(c)
	if d.status.Color == light.Offline {
		d.queue = append(d.queue, agent.Queued{ID: e.ID, Type: e.Record.Type, RecordID: e.Record.ID, Patient: e.Patient, Author: e.Author, Time: e.Time, Deleted: draft.Delete})
		return agent.Written{ID: e.ID}, d.apply(e, c.Body, 0)
	}
	d.last++
	return agent.Written{ID: e.ID, Sequence: d.last}, d.apply(e, c.Body, d.last)
}

func (d *desk) Resolve(ctx context.Context, r agent.Resolution) (agent.Written, error) {
	draft, err := agenttest.Choice(ctx, d.store, r)
	if err != nil {
		return agent.Written{}, err
	}
	return d.Write(ctx, draft)
}

// apply puts an event into the store. d.mu is held.
func (d *desk) apply(e *events.Event, body string, sequence uint64) error {
	entry := projections.Entry{Sequence: sequence, Event: e}
	if e.Type == events.Written {
		entry.Body = []byte(body)
	}
	if sequence > 0 {
		entry.Stored = e.Time.Add(time.Second)
	}
	_, err := d.store.Apply(context.Background(), projections.Batch{Entries: []projections.Entry{entry}})
	d.signal()
	return err
}

// arrives is a change that another desk made, as the log brings it; an empty body deletes.
func (d *desk) arrives(record, patient, author, body string, parents ...events.ID) events.ID {
	d.t.Helper()
	return d.arrivesFrom(d.other, record, patient, author, body, parents...)
}

func (d *desk) arrivesFrom(from *eventstest.Device, record, patient, author, body string, parents ...events.ID) events.ID {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	c := eventstest.Change{Record: record, Patient: patient, Author: author, Body: body, Parents: parents}
	if body == "" {
		c.Type = events.Deleted
	}
	e := from.Make(c)
	d.last++
	if err := d.apply(e, body, d.last); err != nil {
		d.t.Fatal(err)
	}
	return e.ID
}

// discards is what was discarded: event, author, reason.
func (d *desk) discards() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.gone)
}

// ask sends a request with the token. Headers are "Name: value".
func (d *desk) ask(method, path, body string, headers ...string) (*http.Response, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer, string(text)
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// get asks for JSON and reads it into v.
func (d *desk) get(path string, v any) {
	d.t.Helper()
	answer, text := d.ask("GET", path, "")
	if answer.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s: %s %s", path, answer.Status, text)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		d.t.Fatalf("GET %s: %v in %s", path, err, text)
	}
}

func stateOf(t *testing.T, d *desk, record string) projections.State {
	t.Helper()
	state, err := d.store.Record(t.Context(), recordOf(t, record))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func shown(t *testing.T, d *desk, record string) string {
	t.Helper()
	return string(stateOf(t, d, record).Shown.Body)
}

func shownID(t *testing.T, d *desk, record string) events.ID {
	t.Helper()
	return stateOf(t, d, record).Shown.Event.ID
}

func headIDs(t *testing.T, d *desk, record string) []events.ID {
	t.Helper()
	return agenttest.HeadsOf(stateOf(t, d, record))
}

func patientOf(t *testing.T, d *desk, record string) string {
	t.Helper()
	return stateOf(t, d, record).Patient
}

func (d *desk) Snapshots(context.Context) ([]agent.Snapshot, error) {
	return []agent.Snapshot{{ID: "abc", Device: "one", Events: 7}}, nil
}

func (d *desk) CheckSnapshots(context.Context) ([]agent.Snapshot, error) {
	return []agent.Snapshot{{ID: "abc", Device: "one", Events: 7, Checked: true}}, nil
}

func (d *desk) MakeSnapshot(context.Context) (agent.Snapshot, error) {
	return agent.Snapshot{}, fmt.Errorf("make a snapshot: %w", &events.LeaseTakenError{Name: "snapshot", Device: "two"})
}

func (d *desk) Positions(context.Context) ([]agent.DevicePosition, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.read), nil
}

func (d *desk) Past() []light.Episode {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.past)
}

func (d *desk) OpenDossier(page, patient, author string, _ time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened == nil {
		d.opened = map[string]agent.Opened{}
	}
	if d.opened[page] = (agent.Opened{Patient: patient, Author: author, Device: "desk-1"}); patient == "" {
		delete(d.opened, page)
	}
	d.signal()
	return nil
}

func (d *desk) OpenHere() []agent.Opened {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.SortedFunc(maps.Values(d.opened), func(x, y agent.Opened) int { return strings.Compare(x.Patient+" "+x.Author, y.Patient+" "+y.Author) })
	return append([]agent.Opened{}, slices.Compact(list)...)
}

func (d *desk) OpenElsewhere() []agent.Opened {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.open)
}

package agenttest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// TB is the part of a test that desks need.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Connect opens a device's connection to the log.
type Connect func(ctx context.Context, report func(up bool, err error)) (agent.Log, error)

// Desk is one running desk.
type Desk struct {
	*agent.Agent
	Name   string
	Config agent.Config // of the next start
	t      TB
	stop   context.CancelFunc
	done   chan error
}

// Interval is how often a desk compares itself with the server: each time both work for it, and with the race
// detector that takes a share of the processor that tests of many desks feel.
const Interval = 50 * time.Millisecond

// NewDesk enrols a desk with its files in dir. It does not start it.
func NewDesk(t TB, sheet enrolment.Sheet, dir, name string, connect Connect) *Desk {
	t.Helper()
	e, err := sheet.Enrol(name, "Desk "+name)
	if err != nil {
		t.Fatalf("enrol %s: %v", name, err)
	}
	return &Desk{Name: name, t: t, Config: agent.Config{
		Data: filepath.Join(dir, name), Enrolment: e, Connect: connect, Interval: Interval, Patience: time.Second,
		Reserve: 64 << 10, // it is filled anew for each desk
	}}
}

// Start opens and runs the desk.
func (d *Desk) Start() {
	d.t.Helper()
	d.Prepared(func(*agent.Agent) {})
}

// Prepared is Start with a last change of the agent before it runs.
func (d *Desk) Prepared(change func(*agent.Agent)) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := agent.Open(ctx, d.Config)
	if err != nil {
		cancel()
		d.t.Fatalf("open desk %s: %v", d.Name, err)
	}
	change(a)
	d.Agent, d.stop, d.done = a, cancel, make(chan error, 1)
	go func() { d.done <- a.Run(ctx) }()
}

// Stop ends the desk, checks its projection, and closes its files.
func (d *Desk) Stop() {
	d.t.Helper()
	if d.Agent == nil {
		return
	}
	d.stop()
	if err := <-d.done; err != nil {
		d.t.Errorf("desk %s ran into: %v", d.Name, err)
	}
	if err := d.Store().Check(context.Background()); err != nil {
		d.t.Errorf("desk %s: %v", d.Name, err)
	}
	if err := d.Close(); err != nil {
		d.t.Errorf("close desk %s: %v", d.Name, err)
	}
	d.Agent = nil
}

// Restart stops and starts the desk.
func (d *Desk) Restart() {
	d.t.Helper()
	d.Stop()
	d.Start()
}

// patience is how long a test waits for a fact. Nothing depends on it but the time
// that a failing test takes; what 1 Mbit/s brings in 15 s, or what is given back
// of large messages, takes longer on a busy machine.
const patience = 4 * time.Minute

// Await waits until a condition holds of the desk's status.
func (d *Desk) Await(what string, holds func(agent.Status) bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		changed := d.Changed()
		s := d.Now()
		if holds(s) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			d.t.Fatalf("desk %s: %s is no fact after %v: light %s (%s), %d queued, %d conflicts, position %d of %d, warnings %v",
				d.Name, what, patience, s.Color, s.Reason, s.Outbox, s.Conflicts, s.Position.Sequence, s.Server.Sequence, s.Warnings)
		}
	}
}

// AwaitGreen waits until the light is green.
func (d *Desk) AwaitGreen() {
	d.t.Helper()
	d.Await("a green light", func(s agent.Status) bool { return s.Color == light.Online })
}

// AwaitOffline waits until the light is off.
func (d *Desk) AwaitOffline() {
	d.t.Helper()
	d.Await("an unlit light", func(s agent.Status) bool { return s.Color == light.Offline })
}

// AwaitVersion waits until the desk has a version of a record.
func (d *Desk) AwaitVersion(r events.Record, id events.ID) {
	d.t.Helper()
	d.Await("version "+id.String(), func(agent.Status) bool {
		_, err := d.Store().Version(context.Background(), r, id)
		return err == nil
	})
}

// Now is the desk's status.
func (d *Desk) Now() agent.Status {
	d.t.Helper()
	s, err := d.Status(context.Background())
	if err != nil {
		d.t.Fatalf("status of desk %s: %v", d.Name, err)
	}
	return s
}

// Note writes a version of a Condition of patient p1 that says text.
func (d *Desk) Note(id, text string, parents ...events.ID) (agent.Written, error) {
	return d.Write(context.Background(), agent.Draft{
		Record: Condition(id), Patient: "p1", Author: "dr-" + d.Name, Parents: parents, Body: Body(id, text),
	})
}

// MustNote is Note that fails the test.
func (d *Desk) MustNote(id, text string, parents ...events.ID) agent.Written {
	d.t.Helper()
	w, err := d.Note(id, text, parents...)
	if err != nil {
		d.t.Fatalf("desk %s writes %q: %v", d.Name, text, err)
	}
	return w
}

// Texts are what the heads of a Condition say, the one shown first; "(deleted)" for
// a deletion.
func (d *Desk) Texts(id string) []string {
	d.t.Helper()
	state, err := d.Store().Record(context.Background(), Condition(id))
	if errors.Is(err, projections.ErrNotFound) {
		return nil
	}
	if err != nil {
		d.t.Fatalf("desk %s reads %s: %v", d.Name, id, err)
	}
	var texts []string
	for _, h := range state.Heads {
		texts = append(texts, textOf(h))
	}
	return texts
}

// Condition names a Condition.
func Condition(id string) events.Record { return events.Record{Type: "Condition", ID: id} }

// Body is a Condition of patient p1 that says text.
func Body(id, text string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p1"},"code":{"text":%q}}`, id, text)
}

func textOf(v projections.Version) string {
	if v.Deleted() {
		return "(deleted)"
	}
	_, text, _ := strings.Cut(string(v.Body), `"text":"`)
	text, _, _ = strings.Cut(text, `"`)
	return text
}

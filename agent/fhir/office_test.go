package fhir_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// office is a practice with real desks on a real broker, each with its door.
type office struct {
	t      testing.TB
	broker *brokertest.Broker
	sheet  enrolment.Sheet
	dir    string
}

// realDesk is a desk with its line to the broker and its door.
type realDesk struct {
	*agenttest.Desk
	t    testing.TB
	line *brokertest.Device
	door http.Handler
}

// patience is how long a write waits for the broker. A machine that is busy must not make
// it a queued one, which nobody refuses.
const patience = 40 * time.Second

// newOffice opens a practice of two desks, both with a green light.
func newOffice(t testing.TB) (one, two *realDesk) {
	t.Helper()
	b := brokertest.Start(t)
	o := &office{t: t, broker: b, dir: t.TempDir(),
		sheet: enrolment.Sheet{Practice: b.Practice(), Account: b.Account(), URLs: []string{b.URL()}, Secret: enrolment.NewSecret()}}
	one, two = o.desk("one"), o.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	return one, two
}

func (o *office) desk(name string) *realDesk {
	o.t.Helper()
	d := &realDesk{t: o.t, line: o.broker.Device(name)}
	d.Desk = agenttest.NewDesk(o.t, o.sheet, o.dir, name, func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		c := d.line.Config()
		c.OnConnection, c.Timeout = report, patience/2
		return broker.Connect(ctx, c)
	})
	d.Config.Patience = patience
	d.Start()
	o.t.Cleanup(d.Stop)
	d.open()
	return d
}

// open opens the door of the desk as it runs now.
func (d *realDesk) open() {
	d.door = fhir.New(fhir.Config{Desk: d.Agent, Records: d.Records(), Version: "test", Started: eventstest.Epoch})
}

// ask sends a request to the door. It may be called by several goroutines.
func (d *realDesk) ask(method, path, body string, headers ...string) reply {
	r := httptest.NewRequestWithContext(d.t.Context(), method, "http://127.0.0.1:7878"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	return reply{w, d.t}
}

// awaitEvent waits until the desk has read a version.
func (d *realDesk) awaitEvent(record string, id events.ID) {
	d.t.Helper()
	typ, name, _ := strings.Cut(record, "/")
	d.AwaitVersion(events.Record{Type: typ, ID: name}, id)
}

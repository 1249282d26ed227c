package fhir_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
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
	door *fhir.Handler
}

// patience is how long a write waits for the broker. A machine that is busy must not make
// it a queued one, which nobody refuses.
const patience = 40 * time.Second

// newOffice opens a practice of two desks, both with a green light.
func newOffice(t testing.TB) (one, two *realDesk) {
	t.Helper()
	o := emptyOffice(t)
	one, two = o.desk("one", patience), o.desk("two", patience)
	one.AwaitGreen()
	two.AwaitGreen()
	return one, two
}

// emptyOffice opens a practice without desks.
func emptyOffice(t testing.TB) *office {
	t.Helper()
	b := brokertest.Start(t)
	return &office{t: t, broker: b, dir: t.TempDir(),
		sheet: enrolment.Sheet{Practice: b.Practice(), Account: b.Account(), URLs: []string{b.URL()}, Secret: enrolment.NewSecret()}}
}

// desk starts a desk that waits so long for the broker; 0: as long as desks of tests do.
func (o *office) desk(name string, patience time.Duration) *realDesk {
	o.t.Helper()
	d := &realDesk{t: o.t, line: o.broker.Device(name)}
	d.Desk = agenttest.NewDesk(o.t, o.sheet, o.dir, name, d.connect(patience))
	if patience > 0 {
		d.Config.Patience = patience
	}
	d.Start()
	o.t.Cleanup(d.Stop)
	d.open()
	return d
}

// connect opens the line to the broker, which waits so long for it; 0: as long as desks of tests do.
func (d *realDesk) connect(patience time.Duration) agenttest.Connect {
	return func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		c := d.line.Config()
		c.OnConnection = report
		if patience > 0 {
			c.Timeout = patience / 2
		}
		return broker.Connect(ctx, c)
	}
}

// open opens the door of the desk as it runs now.
func (d *realDesk) open() {
	d.door = fhir.New(fhir.Config{Desk: d.Agent, Records: d.Records(), Attachments: d.Agent, Author: guard.Author, Version: "test", Started: eventstest.Epoch})
}

// ask sends a request to the door. It may be called by several goroutines.
func (d *realDesk) ask(method, path, body string, headers ...string) reply {
	return asked(d.t, d.door, method, path, body, headers...)
}

// awaitEvent waits until the desk has read a version.
func (d *realDesk) awaitEvent(record string, id events.ID) {
	d.t.Helper()
	typ, name, _ := strings.Cut(record, "/")
	d.AwaitVersion(events.Record{Type: typ, ID: name}, id)
}

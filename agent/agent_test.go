package agent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// practice is a practice on a real broker.
type practice struct {
	t      *testing.T
	broker *brokertest.Broker
	sheet  enrolment.Sheet
	dir    string
	lines  map[string]*brokertest.Device
	// interval is how often its desks prove their light; 0: agenttest.Interval.
	interval time.Duration

	reserve int64 // of the desks; 0: that of a test's desk
}

func newPractice(t *testing.T) *practice {
	t.Helper()
	b := brokertest.Start(t)
	return &practice{
		t: t, broker: b, dir: t.TempDir(), lines: make(map[string]*brokertest.Device),
		sheet: enrolment.Sheet{Practice: b.Practice(), Account: b.Account(), URLs: []string{b.URL()}, Secret: enrolment.NewSecret()},
	}
}

// desk starts a desk with a line of its own to the broker.
func (p *practice) desk(name string) *agenttest.Desk {
	p.t.Helper()
	return p.slowDesk(name, func(*brokertest.Device) {})
}

// slowDesk starts a desk whose line is spoilt before it connects.
func (p *practice) slowDesk(name string, spoil func(*brokertest.Device)) *agenttest.Desk {
	p.t.Helper()
	line := p.broker.Device(name)
	p.lines[name] = line
	spoil(line)
	d := agenttest.NewDesk(p.t, p.sheet, p.dir, name, func(ctx context.Context, report func(bool, error)) (agent.Log, error) {
		c := line.Config()
		c.OnConnection = report
		return broker.Connect(ctx, c)
	})
	d.Config.Interval = max(d.Config.Interval, p.interval)
	if p.reserve > 0 {
		d.Config.Reserve = p.reserve
	}
	d.Start()
	p.t.Cleanup(d.Stop)
	return d
}

func TestARegistrationIsAtTheOtherDesk(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	w := one.MustNote("c1", "asthma")
	if w.Queued() {
		t.Errorf("a change while the light is green was queued")
	}
	two.AwaitVersion(agenttest.Condition("c1"), w.ID)
	if diff := cmp.Diff([]string{"asthma"}, two.Texts("c1")); diff != "" {
		t.Errorf("desk two (-want +got):\n%s", diff)
	}
}

// The whole story: both work on with the line cut, and what diverged is a conflict
// that a person settles.
func TestOfflineConflictResolved(t *testing.T) {
	ctx := context.Background()
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	first := one.MustNote("c1", "asthma")
	two.AwaitVersion(agenttest.Condition("c1"), first.ID)

	p.lines["two"].Cut()
	two.AwaitOffline()
	online := one.MustNote("c1", "severe asthma", first.ID)
	offline := two.MustNote("c1", "mild asthma", first.ID)
	if online.Queued() || !offline.Queued() {
		t.Errorf("queued: one %v, two %v; want only two", online.Queued(), offline.Queued())
	}
	p.lines["two"].Mend()
	two.AwaitGreen()
	for _, d := range []*agenttest.Desk{one, two} {
		d.AwaitVersion(agenttest.Condition("c1"), offline.ID)
		d.AwaitVersion(agenttest.Condition("c1"), online.ID)
		d.AwaitGreen()
		if diff := cmp.Diff([]string{"severe asthma", "mild asthma"}, d.Texts("c1")); diff != "" {
			t.Errorf("desk %s (-want +got):\n%s", d.Name, diff)
		}
		if n := d.Now().Conflicts; n != 1 {
			t.Errorf("desk %s counts %d conflicts, want 1", d.Name, n)
		}
	}
	settled, err := one.Resolve(ctx, agent.Resolution{
		Record: agenttest.Condition("c1"), Heads: []events.ID{online.ID, offline.ID}, Keep: offline.ID, Author: "dr-one",
	})
	if err != nil {
		t.Fatal(err)
	}
	two.AwaitVersion(agenttest.Condition("c1"), settled.ID)
	if diff := cmp.Diff([]string{"mild asthma"}, two.Texts("c1")); diff != "" {
		t.Errorf("after the choice (-want +got):\n%s", diff)
	}
	var stale *agent.StaleError
	_, err = two.Resolve(ctx, agent.Resolution{Record: agenttest.Condition("c1"), Heads: []events.ID{online.ID, offline.ID}, Keep: online.ID})
	if !errors.As(err, &stale) || len(stale.Heads) != 1 || stale.Heads[0] != settled.ID {
		t.Errorf("a choice between old heads: got %v, want stale with %s", err, settled.ID)
	}
}

func TestAStaleWriteIsRefused(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	first := one.MustNote("c1", "asthma")
	two.AwaitVersion(agenttest.Condition("c1"), first.ID)
	second := two.MustNote("c1", "severe asthma", first.ID)
	_, err := one.Note("c1", "mild asthma", first.ID)
	var stale *agent.StaleError
	if !errors.As(err, &stale) || len(stale.Heads) != 1 || stale.Heads[0] != second.ID {
		t.Fatalf("got %v, want stale with head %s", err, second.ID)
	}
	if n := one.Now().Outbox; n != 0 {
		t.Errorf("%d events in the outbox after a refusal, want none", n)
	}
	one.MustNote("c1", "mild asthma", second.ID)
	one.AwaitGreen()
}

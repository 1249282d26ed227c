package agent_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections/audit"
)

// A failing disk spoils a part of the file in which the broker has the log. The broker cuts
// the file off there when it comes to that place, and counts on from where the log had ended:
// at once in secret, and from its next start on in what it says of its log.
func TestTheBrokersDiskIsDamaged(t *testing.T) {
	for name, part := range map[string][2]float64{"beginning": {0, .05}, "middle": {.3, .4}, "end": {.97, 1}} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, started again %t", name, again), func(t *testing.T) {
				const notes = 20
				p := newPractice(t)
				one, two := p.desk("one"), p.desk("two")
				one.AwaitGreen()
				two.AwaitGreen()
				var want []events.ID
				for i := range notes {
					for _, d := range []*agenttest.Desk{one, two} {
						want = append(want, d.MustNote(fmt.Sprint(d.Name, i), fmt.Sprint("note ", i)).ID)
					}
				}
				one.AwaitVersion(agenttest.Condition(fmt.Sprint("two", notes-1)), want[len(want)-1])
				two.AwaitVersion(agenttest.Condition(fmt.Sprint("one", notes-1)), want[len(want)-2])
				for _, d := range []*agenttest.Desk{one, two} {
					p.lines[d.Name].Cut()
					d.AwaitOffline()
				}
				written := len(p.broker.Stored())
				p.broker.DamageLog(part[0], part[1])
				if again {
					if n := len(p.broker.Stored()); n >= written {
						t.Fatalf("the broker has lost nothing of %d messages", n)
					}
					p.broker.Restart()
				}
				want = append(want, one.MustNote("after", "written after the damage").ID)
				p.lines["one"].Mend()
				p.lines["two"].Mend()
				p.healed(want, one, two)
				p.broker.Restart()
				p.healed(want, one, two, p.desk("three"))
			})
		}
	}
}

// One bit of one message is another one, and nothing of the file tells but the message's checksum: nats-server goes on saying that it
// has it. The broker cuts it out at its start, so the desks give it back, and one that is new reads all.
func TestTheBrokersDiskFlipsABit(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	var want []events.ID
	for i := range 5 {
		for _, d := range []*agenttest.Desk{one, two} {
			want = append(want, d.MustNote(fmt.Sprint(d.Name, i), "note").ID)
		}
	}
	one.AwaitVersion(agenttest.Condition("two4"), want[9])
	two.AwaitVersion(agenttest.Condition("one4"), want[8])
	written := len(p.broker.Stored())
	p.broker.FlipBit(brokertest.InABody)
	if n := len(p.whole(want, one, two)); n != written {
		t.Errorf("the log has %d messages, and had %d", n, written)
	}
	p.healed(want, one, two, p.desk("three"))
}

// The damage is in the first of the files in which the broker has the log, far behind where the
// desks have read to: their last message is there, and the log ends where they have read it to.
// They find it out all the same, give back what is gone, and are done with it: the gap stays.
func TestTheBrokersDiskIsDamagedLongAgoInALargeLog(t *testing.T) {
	largetest.Unwatched(t)
	p := newPractice(t)
	p.interval = seldom
	one, two := p.desk("one"), p.desk("two")
	want := p.large(one, two)
	written := len(p.broker.Stored())

	p.broker.DamageLog(.3, .4)
	healed := p.whole(want, one, two)
	if end := healed[len(healed)-1].Sequence; len(healed) != written || end <= uint64(written) {
		t.Errorf("the log has %d messages up to %d, want the %d that were written, and a gap", len(healed), end, written)
	}

	p.broker.Restart()
	want = append(want, one.MustNote("after", "written after it was healed").ID)
	p.healed(want, one, two, p.desk("three"))
	one.Restart()
	if n := len(p.whole(want, one)); n != written+2 { // the note, and the record of the third desk
		t.Errorf("the log has %d messages after all had started again, want %d", n, written+2)
	}
}

// seldom is how often a desk proves its light where the messages are large: each proof fetches the
// one at its position, and fifty a second would be all that the broker does.
const seldom = 500 * time.Millisecond

// large lets two desks write more than the broker keeps in one file of its log, and waits until
// each has it all.
func (p *practice) large(one, two *agenttest.Desk) (written []events.ID) {
	p.t.Helper()
	const notes, size = 35, 124 << 10 // more than a file of 8 MiB, once sealed
	one.AwaitGreen()
	two.AwaitGreen()
	random := rand.NewChaCha8([32]byte{1})
	for i := range notes {
		for _, d := range []*agenttest.Desk{one, two} {
			noise := make([]byte, size)
			_, _ = random.Read(noise) // never fails
			written = append(written, d.MustNote(fmt.Sprint(d.Name, i), base64.StdEncoding.EncodeToString(noise)).ID)
		}
	}
	one.AwaitVersion(agenttest.Condition(fmt.Sprint("two", notes-1)), written[len(written)-1])
	two.AwaitVersion(agenttest.Condition(fmt.Sprint("one", notes-1)), written[len(written)-2])
	return written
}

// whole waits until all desks are green at the end of a log that has all that was written, and
// checks that each event stands there once.
func (p *practice) whole(want []events.ID, desks ...*agenttest.Desk) (log []events.Stored) {
	p.t.Helper()
	for _, d := range desks {
		d.Await("green at the end of all that was written", func(s agent.Status) bool {
			if s.Color != light.Online || s.Outbox > 0 {
				return false
			}
			log = p.broker.Stored()
			return len(log) >= len(want) && s.Position == endOf(log)
		})
	}
	places := make(map[string]int)
	for _, m := range log {
		id, _ := m.Peek()
		places[id]++
	}
	for _, id := range want {
		if n := places[id.String()]; n != 1 {
			p.t.Errorf("event %s stands in the log %d times, want once", id, n)
		}
	}
	return log
}

// healed waits until the log is whole, and checks that the desks are what it makes of them
// and the same, and that an audit finds nothing but the gap in the numbers, and that what was
// given back stands behind what came after it.
func (p *practice) healed(want []events.ID, desks ...*agenttest.Desk) {
	p.t.Helper()
	ctx := p.t.Context()
	log := p.whole(want, desks...)
	ring := p.ring()
	graph, err := newModel(log, ring.Open)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range desks {
		if err := graph.compare(ctx, d.Store()); err != nil {
			p.t.Errorf("desk %s: %v", d.Name, err)
		}
		if err := d.Store().Check(ctx); err != nil {
			p.t.Errorf("desk %s: %v", d.Name, err)
		}
		if diff := cmp.Diff(comparable(p.t, desks[0].Store()), comparable(p.t, d.Store())); diff != "" {
			p.t.Errorf("desk %s differs from %s (-want +got):\n%s", d.Name, desks[0].Name, diff)
		}
	}
	clean(p.t, log, audit.Keys{Practice: p.sheet.Practice, Root: desks[0].Config.Enrolment.Root, Open: ring.Open}, audit.SequenceGap, audit.ChainOrder)
}

// ring opens every body of the practice, with the keys that the broker has.
func (p *practice) ring() *events.Keyring {
	p.t.Helper()
	key, err := events.KeyFrom(p.sheet.Secret.PracticeKey())
	if err != nil {
		p.t.Fatal(err)
	}
	ring := events.NewKeyring(key)
	for k, err := range p.broker.Device("auditor").Connect().Keys(p.t.Context()) {
		if err == nil {
			err = ring.Add(k)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return ring
}

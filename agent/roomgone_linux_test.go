package agent_test

import (
	"fmt"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// The room that is kept is given up while the desk is connected: it ends its session, so that
// nothing which is read from the server takes that room, says so, and is green by itself when there
// is room again.
func TestScenario19_ADiskGetsFullInASession(t *testing.T) {
	disk := newTightDisk(t, 32)
	p := newPractice(t)
	one, two := p.on(disk).desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	written := one.MustNote("c1", "asthma")
	want := []events.ID{written.ID}
	p.whole(want, one, two)
	shown, err := one.Store().Version(t.Context(), agenttest.Condition("c1"), written.ID)
	if err != nil {
		t.Fatal(err)
	}
	disk.fill()
	one.ShowLater(&projections.DiskError{Path: agent.ProjectionFile, Cause: fmt.Errorf("database or disk is full")}, shown)
	awaitDiskProblem(one)
	before := one.Now().Position
	for i := range 20 {
		want = append(want, two.MustNote(fmt.Sprint("c", i+2), incompressible(7<<10)).ID)
	}
	p.whole(want, two)
	if s := one.Now(); s.Color != light.Offline || s.Position != before {
		t.Errorf("the light is %s (%s), and it has read from %d to %d; want that it is off, and nothing is read", s.Color, s.Reason, before.Sequence, s.Position.Sequence)
	}
	disk.free()
	p.healed(want, one, two)
	awaitShown(one)
}

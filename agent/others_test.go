package agent_test

import (
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// Each desk hears how far the others have read, by their signed word, and remembers what it
// synchronised itself.
func TestDesksHearOfEachOther(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	w := one.MustNote("c1", "asthma")
	two := p.desk("two")
	two.AwaitGreen()
	heard := func() uint64 {
		positions, err := two.Positions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range positions {
			if p.Device == one.Now().Device {
				return p.Sequence
			}
		}
		return 0
	}
	two.Await("desk one has said how far it is", func(agent.Status) bool { return heard() > 0 })
	if got := heard(); got > w.Sequence {
		t.Errorf("got desk one at %d, want at most %d", got, w.Sequence)
	}
	past := two.Past()
	if len(past) == 0 || past[len(past)-1].Kind != light.Initial || past[len(past)-1].Ended.IsZero() {
		t.Errorf("got %+v, want the first synchronisation, ended", past)
	}
}

// What was queued counts when it was sent, also where it went in one batch.
func TestWhatWasSentIsRemembered(t *testing.T) {
	one := newPractice(t).desk("one")
	one.AwaitGreen()
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.MustNote("c1", "asthma")
	one.MustNote("c2", "gout")
	if err := one.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
	for _, e := range one.Past() {
		if e.Kind == light.Push {
			if e.Done != 2 || e.Ended.IsZero() {
				t.Errorf("got %+v, want 2 events sent, ended", e)
			}
			return
		}
	}
	t.Errorf("got %+v, want that something was sent", one.Past())
}

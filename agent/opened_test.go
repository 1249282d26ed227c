package agent_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
)

// awaitOpen waits until a desk has heard of just that, each "patient author device".
func awaitOpen(d *agenttest.Desk, want ...string) {
	d.Await(fmt.Sprintf("%q open elsewhere", want), func(agent.Status) bool {
		var got []string
		for _, o := range d.OpenElsewhere() {
			got = append(got, o.Patient+" "+o.Author+" "+o.Device)
		}
		return slices.Equal(got, want)
	})
}

const soon = 60 * time.Millisecond

// hurried starts a desk again as one that repeats what it has open more often.
func hurried(d *agenttest.Desk) *agenttest.Desk {
	d.Stop()
	d.Prepared(func(a *agent.Agent) { a.HurryOpened(soon) })
	return d
}

// What is open at one desk is known at the others, as long as it is and both are connected.
func TestWhoHasADossierOpen(t *testing.T) {
	p := newPractice(t)
	one, two := hurried(p.desk("one")), hurried(p.desk("two"))
	one.AwaitGreen()
	two.AwaitGreen()
	open := func(d *agenttest.Desk, page, patient, author string) {
		t.Helper()
		if err := d.OpenDossier(page, patient, author, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	open(one, "a", "p1", "dr-1")
	awaitOpen(two, "p1 dr-1 one")
	open(one, "b", "p1", "dr-1") // in a second page: once for the others
	open(one, "c", "p2", "nurse")
	awaitOpen(two, "p1 dr-1 one", "p2 nurse one")
	if got, want := one.OpenHere(), []agent.Opened{{Patient: "p1", Author: "dr-1", Device: "one"}, {Patient: "p2", Author: "nurse", Device: "one"}}; !slices.Equal(got, want) {
		t.Errorf("got %v open here, want %v", got, want)
	}
	open(two, "a", "p1", "dr-2")
	awaitOpen(one, "p1 dr-2 two")
	open(one, "a", "", "")
	open(one, "c", "", "")
	awaitOpen(two, "p1 dr-1 one")

	// Who comes later hears of it.
	three := hurried(p.desk("three"))
	awaitOpen(three, "p1 dr-1 one", "p1 dr-2 two")

	// Without a line nobody knows, and who is cut off is believed no longer.
	p.lines["two"].Cut()
	awaitOpen(two)
	two.AwaitOffline()
	p.lines["two"].Mend()
	awaitOpen(two, "p1 dr-1 one")
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitOpen(one)
	awaitOpen(two)
	if err := one.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitOpen(two, "p1 dr-1 one")
	two.Stop() // it says goodbye
	awaitOpen(one)
}

// A desk that dies without a word is believed for seconds, and a page for as long as it asked.
func TestWhatNobodyRepeatsIsForgotten(t *testing.T) {
	p := newPractice(t)
	one, two := hurried(p.desk("one")), hurried(p.desk("two"))
	one.AwaitGreen()
	two.AwaitGreen()
	if err := one.OpenDossier("a", "p1", "dr-1", time.Minute); err != nil {
		t.Fatal(err)
	}
	awaitOpen(two, "p1 dr-1 one")
	p.lines["one"].CutOutgoing() // it goes on believing that it is heard
	awaitOpen(two)
	p.lines["one"].Mend()
	awaitOpen(two, "p1 dr-1 one")
	if err := one.OpenDossier("a", "p1", "dr-1", soon); err != nil {
		t.Fatal(err)
	}
	awaitOpen(two)
	for i := range 1000 {
		if err := one.OpenDossier(fmt.Sprint(i), "p1", "dr-1", time.Minute); err != nil {
			if !errors.Is(err, agent.ErrTooManyPages) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("a thousand pages could say that they have a dossier open")
}

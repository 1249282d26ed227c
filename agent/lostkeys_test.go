package agent_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/events"
)

// write registers a patient at a desk.
func write(t *testing.T, d *agenttest.Desk, id string) agent.Draft {
	t.Helper()
	draft := newPatient(id)
	if _, err := d.Write(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	return draft
}

// keyed has patients at two desks, registered half at each.
func keyed(t *testing.T, p *practice, patients int) (one, two *agenttest.Desk, drafts []agent.Draft) {
	t.Helper()
	one, two = p.desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	for i := range patients {
		drafts = append(drafts, write(t, []*agenttest.Desk{one, two}[i%2], fmt.Sprintf("pat-%02d", i)))
	}
	opens(t, one, drafts)
	opens(t, two, drafts)
	return one, two, drafts
}

// opens waits until a desk is green and shows what was written of patients.
func opens(t *testing.T, d *agenttest.Desk, drafts []agent.Draft) {
	t.Helper()
	d.Await("the records of all patients", func(agent.Status) bool {
		for _, draft := range drafts {
			state, err := d.Store().Record(t.Context(), draft.Record)
			if err != nil || string(state.Shown.Body) != string(draft.Body) {
				return false
			}
		}
		return true
	})
	d.AwaitGreen()
}

// hasKeys waits until the broker has just these keys again, which a desk gives back at the latest.
func (p *practice) hasKeys(want map[string]string, d *agenttest.Desk) {
	p.t.Helper()
	d.Await(fmt.Sprintf("%d keys on the broker", len(want)), func(agent.Status) bool { return maps.Equal(p.broker.Keys(), want) })
}

// A failing disk spoils keys of patients on the broker, and nothing else: the log ends where it
// ended. The desks that have them give them back, and a desk that comes afterwards opens all.
func TestTheBrokerLosesKeys(t *testing.T) {
	for name, spoil := range map[string]func(*practice){
		"in the middle":  func(p *practice) { p.broker.DamageKeys(.4, .5) },
		"at the end":     func(p *practice) { p.broker.DamageKeys(.95, 1) },
		"the whole file": func(p *practice) { p.broker.LoseKeys() },
		"one bit of one": func(p *practice) { p.broker.FlipKeyBit() },
		"while the desks are away": func(p *practice) {
			for _, line := range p.lines {
				line.Cut()
			}
			p.broker.DamageKeys(.4, .5)
			p.broker.Restart()
			for _, line := range p.lines {
				line.Mend()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPractice(t)
			one, two, drafts := keyed(t, p, 20)
			want := p.broker.Keys()
			spoil(p)
			p.hasKeys(want, one)
			one.AwaitGreen()
			two.AwaitGreen()
			opens(t, p.desk("three"), drafts)
			p.broker.Restart()
			drafts = append(drafts, write(t, two, "pat-after"))
			opens(t, one, drafts)
			for i := range 2 { // a desk that starts again, and one that does not
				opens(t, p.desk(fmt.Sprint("late-", i)), drafts)
				one.Restart()
			}
			for name, wrapped := range p.broker.Keys() {
				if was, ok := want[name]; ok && was != wrapped {
					t.Errorf("key %s was replaced", name)
				}
			}
		})
	}
}

// A key that was erased stays so: it is not given back with what was lost.
func TestAnErasedKeyIsNotGivenBack(t *testing.T) {
	for name, spoil := range map[string]func(*practice){
		"the keys lost in the middle": func(p *practice) { p.broker.DamageKeys(.4, .5) },
		"the keys lost at the end":    func(p *practice) { p.broker.DamageKeys(.9, 1) },
		"all keys lost":               func(p *practice) { p.broker.LoseKeys() },
		"a bit of a key":              func(p *practice) { p.broker.FlipKeyBit() },
		"nothing lost":                func(p *practice) { p.broker.Restart() },
		"all lost":                    func(p *practice) { p.broker.Wipe() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPractice(t)
			one, two, drafts := keyed(t, p, 20)
			want := p.broker.Keys()
			p.broker.EraseKeys("pat-03")
			maps.DeleteFunc(want, func(name, _ string) bool {
				k, err := events.ParseWrappedKey(name, nil)
				return err == nil && k.Patient == "pat-03"
			})
			for _, d := range []*agenttest.Desk{one, two} { // both hear of it
				d.Restart()
				d.AwaitGreen()
			}
			spoil(p)
			p.hasKeys(want, two)
			one.Restart()
			one.AwaitGreen()
			two.AwaitGreen()
			p.hasKeys(want, one)
			others := slices.DeleteFunc(drafts, func(d agent.Draft) bool { return d.Patient == "pat-03" })
			three := p.desk("three")
			opens(t, three, others)
			if _, err := three.Store().Record(t.Context(), events.Record{Type: "Patient", ID: "pat-03"}); err == nil {
				t.Error("a new desk opens what was erased")
			}
			p.hasKeys(want, one)
		})
	}
}

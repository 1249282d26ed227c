package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// The scenarios by their numbers, as desks live through them. Those that concern one
// projection alone stand in package projections, those of lists in fhirjson, and the
// full disk (19) in the scripts of cmd/carelog, where there is one.

// two adds two desks and waits until they are green.
func (w *world) two() (one, two *machine) {
	w.t.Helper()
	one, two = w.desk("one"), w.desk("two")
	w.settled()
	return one, two
}

// texts compares what the heads of a Condition say at every desk.
func (w *world) texts(id string, want ...string) {
	w.t.Helper()
	for _, m := range w.desks {
		if diff := cmp.Diff(want, m.Texts(id)); m.running() && diff != "" {
			w.t.Errorf("%s at desk %s (-want +got):\n%s", id, m.Name, diff)
		}
	}
}

// offline makes a user's choice, which nothing can be wrong with.
func (m *machine) offline() {
	m.world.t.Helper()
	if err := m.WorkOffline(context.Background()); err != nil {
		m.world.t.Fatal(err)
	}
}

func (m *machine) online() {
	m.world.t.Helper()
	if err := m.WorkOnline(context.Background()); err != nil {
		m.world.t.Fatal(err)
	}
}

// warned reports whether the desk warns of something.
func (m *machine) warned(code string) bool {
	return slices.ContainsFunc(m.Now().Warnings, func(w agent.Warning) bool { return w.Code == code })
}

// places are where an event stands in the log.
func (w *world) places(id events.ID) (places []uint64) {
	for _, stored := range w.server.Stored() {
		if got, _ := stored.Peek(); got == id.String() {
			places = append(places, stored.Sequence)
		}
	}
	return places
}

// once checks that events stand in the log, once each.
func (w *world) once(ids ...events.ID) {
	w.t.Helper()
	for _, id := range ids {
		if at := w.places(id); len(at) != 1 {
			w.t.Errorf("event %s stands in the log at %v, want one place", id, at)
		}
	}
}

func TestScenario03_AResolutionMeetsAnEditOfTheLosingHead(t *testing.T) {
	for _, online := range []bool{true, false} {
		name := map[bool]string{true: "online it is refused", false: "offline it is a conflict"}[online]
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				two.offline()
				a, b := one.MustNote("c1", "severe"), two.MustNote("c1", "mild")
				two.online()
				w.settled()
				if !online {
					two.offline()
				}
				settled, err := one.Resolve(t.Context(), agent.Resolution{
					Record: agenttest.Condition("c1"), Heads: []events.ID{a.ID, b.ID}, Keep: a.ID, Author: "dr-one",
				})
				if err != nil {
					t.Fatal(err)
				}
				edit, err := two.Note("c1", "mild, with a cough", b.ID) // what its user has on the screen
				var stale *agent.StaleError
				switch {
				case online && (!errors.As(err, &stale) || len(stale.Heads) != 1 || stale.Heads[0] != settled.ID):
					t.Fatalf("the edit: %v, want stale with head %s", err, settled.ID)
				case !online && err != nil:
					t.Fatal(err)
				}
				two.online()
				w.settled()
				if online {
					w.texts("c1", "severe")
				} else {
					w.once(edit.ID)
					w.texts("c1", "severe", "mild, with a cough")
				}
				w.agreed()
			})
		})
	}
}

func TestScenario06_SameIdMadeOnTwoDevices(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.offline()
		two.offline()
		for _, m := range []*machine{one, two} {
			if _, err := m.Write(t.Context(), agent.Draft{
				Record: agenttest.Condition("c1"), Patient: "p1", Create: true, Body: agenttest.Body("c1", "by "+m.Name),
			}); err != nil {
				t.Fatal(err)
			}
		}
		one.online()
		w.settled()
		two.online()
		w.settled()
		w.texts("c1", "by one", "by two")
		for _, m := range w.desks {
			if v, ok, err := m.Store().Ancestor(t.Context(), agenttest.Condition("c1")); ok || err != nil {
				t.Errorf("desk %s: ancestor %v, %v; want none", m.Name, v, err)
			}
			if n := m.Now().Conflicts; n != 1 {
				t.Errorf("desk %s counts %d conflicts, want 1", m.Name, n)
			}
		}
		w.agreed()
	})
}

func TestScenario08_WrongClocksAreReportedAndHarmNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ahead, past, right := w.machine("ahead"), w.machine("past"), w.desk("right")
		ahead.skew.Store(int64(2 * 365 * 24 * time.Hour))
		past.skew.Store(-time.Now().UnixNano())
		ahead.start()
		past.start()
		w.settled()
		for m, want := range map[*machine]bool{ahead: true, past: true, right: false} {
			if got := m.warned("clock-wrong"); got != want {
				t.Errorf("desk %s warns of its clock: %v, want %v", m.Name, got, want)
			}
		}
		first := ahead.MustNote("c1", "first")
		w.settled()
		second := past.MustNote("c1", "second", first.ID)
		w.settled()
		right.MustNote("c1", "third", second.ID)
		w.settled()
		w.texts("c1", "third")
		if first.ID.Compare(second.ID) >= 0 {
			t.Errorf("the id of the parent, %s, is not before that of the child, %s", first.ID, second.ID)
		}
		// Diverged, and settled at the desk whose clock is the worst.
		past.offline()
		b := past.MustNote("c1", "branch")
		a := ahead.MustNote("c1", "trunk")
		past.online()
		w.settled()
		w.texts("c1", "trunk", "branch")
		if _, err := past.Resolve(t.Context(), agent.Resolution{Record: agenttest.Condition("c1"), Heads: []events.ID{a.ID, b.ID}, Keep: b.ID}); err != nil {
			t.Fatal(err)
		}
		past.skew.Store(0)
		ahead.skew.Store(0)
		time.Sleep(time.Minute)
		w.settled()
		w.texts("c1", "branch")
		for _, m := range w.desks {
			if m.warned("clock-wrong") {
				t.Errorf("desk %s still warns of a clock that was set", m.Name)
			}
		}
		w.agreed()
	})
}

// A network that passes one way only looks like none: the light goes out, and what is
// written meanwhile is in the log once, whether or not it had arrived.
func TestScenario14_OneWay(t *testing.T) {
	for name, fault := range map[string]func(*memlog.Log){"in": (*memlog.Log).CutOutgoing, "out": (*memlog.Log).CutIncoming} {
		t.Run("only "+name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				first := one.MustNote("c1", "first")
				w.settled()
				one.fault(fault)
				written := one.MustNote("c1", "second", first.ID)
				if !written.Queued() {
					t.Error("a change that nobody has acknowledged is not queued")
				}
				if arrived := len(w.places(written.ID)) == 1; arrived != (name == "out") {
					t.Errorf("arrived: %v", arrived)
				}
				one.Await("an unlit light", func(s agent.Status) bool { return s.Color == light.Offline })
				one.MustNote("c2", "another")
				time.Sleep(2 * memlog.DuplicateWindow)
				if s := one.Now(); s.Color == light.Online || s.Outbox != 2 {
					t.Errorf("light %s, %d queued; want not green, and 2", s.Color, s.Outbox)
				}
				if s := two.Now(); s.Color != light.Online {
					t.Errorf("the light of the other desk is %s (%s)", s.Color, s.Reason)
				}
				one.mend()
				w.settled()
				w.once(written.ID)
				w.texts("c1", "second")
				w.texts("c2", "another")
				w.agreed()
			})
		})
	}
}

func TestScenario15_PushedAgainLongAfterTheWindow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.once((*memlog.Log).CutAfterStoring)
		written := one.MustNote("c1", "asthma")
		if !written.Queued() || len(w.places(written.ID)) != 1 {
			t.Fatalf("queued %v, at %v; want queued, and in the log all the same", written.Queued(), w.places(written.ID))
		}
		time.Sleep(10 * memlog.DuplicateWindow)
		one.mend()
		w.settled()
		w.once(written.ID)
		w.agreed()
	})
}

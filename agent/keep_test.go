package agent_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/events"
)

// What was not kept can stand again: over the choice alone, byte for byte, a deletion included. A version of another
// record, none at all, and what somebody has built on meanwhile are refused, and nothing is written.
func TestAnEarlierVersionStandsAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		record := agenttest.Condition("c1")
		root := one.MustNote("c1", "asthma")
		other := one.MustNote("c2", "gout")
		w.settled()
		two.offline()
		mild := one.MustNote("c1", "mild asthma", root.ID)
		gone, err := two.Write(t.Context(), agent.Draft{Record: record, Patient: "p1", Author: "dr-two", Delete: true, Parents: []events.ID{root.ID}})
		if err != nil {
			t.Fatal(err)
		}
		two.online()
		w.settled()
		keep := func(version events.ID, heads ...events.ID) (agent.Written, error) {
			return one.Resolve(t.Context(), agent.Resolution{Record: record, Heads: heads, Keep: version, Author: "dr-one"})
		}
		must := func(version events.ID, heads ...events.ID) events.ID {
			t.Helper()
			written, err := keep(version, heads...)
			if err != nil {
				t.Fatal(err)
			}
			w.settled()
			state, err := two.Store().Record(t.Context(), record)
			if err != nil || len(state.Heads) != 1 || state.Shown.Event.ID != written.ID || !slices.Equal(state.Shown.Event.Parents, sorted(heads)) {
				t.Fatalf("%+v (%v), want %s alone, over %v", state.Heads, err, written.ID, heads)
			}
			return written.ID
		}
		settled := must(gone.ID, mild.ID, gone.ID)
		w.texts("c1", "(deleted)")
		again := must(mild.ID, settled)
		w.texts("c1", "mild asthma")
		if state, err := one.Store().Record(t.Context(), record); err != nil || string(state.Shown.Body) != string(agenttest.Body("c1", "mild asthma")) {
			t.Errorf("got %s (%v), want the bytes of the version", state.Shown.Body, err)
		}
		last := must(gone.ID, again)
		w.texts("c1", "(deleted)")

		count := len(eventsIn(t, one.Store()))
		for what, version := range map[string]events.ID{"a version of another record": other.ID, "none": {1}} {
			if _, err := keep(version, last); !errors.Is(err, agent.ErrNoChoice) {
				t.Errorf("keep %s: got %v, want that nothing was chosen", what, err)
			}
		}
		var stale *agent.StaleError
		if _, err := keep(mild.ID, again); !errors.As(err, &stale) || !slices.Equal(stale.Heads, []events.ID{last}) {
			t.Errorf("over what somebody built on: got %v, want stale with %s", err, last)
		}
		if n := len(eventsIn(t, one.Store())); n != count {
			t.Errorf("%d events are here, want the %d that were", n, count)
		}
		w.agreed()
	})
}

// What cannot be opened is nothing that could stand again.
func TestAnEarlierVersionThatDoesNotOpen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		record := events.Record{Type: "Condition", ID: "before"}
		write := func(text string) agent.Written {
			t.Helper()
			written, err := one.Write(t.Context(), agent.Draft{
				Record: record, Patient: stranger.Patient, Author: "dr-one",
				Body: []byte(`{"resourceType":"Condition","id":"before","subject":{"reference":"Patient/` + stranger.Patient + `"},"code":{"text":"` + text + `"}}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			return written
		}
		before := write("sealed by the key that is erased")
		time.Sleep(time.Minute)
		w.settled()
		w.server.EraseKeys(stranger.Patient)
		time.Sleep(time.Minute) // it hears of it
		w.settled()
		after := write("sealed by the new key")
		two := w.machine("two")
		two.start()
		time.Sleep(time.Minute)
		if v, err := two.Store().Version(t.Context(), record, before.ID); err != nil || v.Body != nil || v.Doubt == "" {
			t.Fatalf("got %+v (%v), want a version that does not open", v, err)
		}
		_, err := two.Resolve(t.Context(), agent.Resolution{Record: record, Heads: []events.ID{after.ID}, Keep: before.ID, Author: "dr-two"})
		if !errors.Is(err, agent.ErrNoChoice) {
			t.Errorf("got %v, want that nothing was chosen", err)
		}
	})
}

func sorted(ids []events.ID) []events.ID {
	return slices.SortedFunc(slices.Values(ids), events.ID.Compare)
}

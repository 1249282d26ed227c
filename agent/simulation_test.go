package agent_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
)

// How much TestSimulation does by itself; the environment can ask for more.
const (
	simulationRuns    = 3 // some 20 s with the race detector, 2 s without
	simulationActions = 60
	// simulationInterval is how often a desk proves its light; proofs are most of the work.
	simulationInterval = 15 * time.Second
	seedVariable       = "CARELOG_SIMULATE_SEED" // of the first run
	runsVariable       = "CARELOG_SIMULATE_RUNS"
)

// TestSimulation plays seeded histories of several desks with faults of every kind,
// and checks after each that nothing accepted was lost, that all desks came to the
// same, and that they list what an independent model finds in the log.
//
// The seed decides the actions, their times in virtual time, and all keys and ids.
// What it does not decide is which of several goroutines that are ready at one moment
// goes first.
func TestSimulation(t *testing.T) {
	first, runs := agenttest.Number(t, seedVariable, 1), agenttest.Number(t, runsVariable, simulationRuns)
	for seed := first; seed < first+runs; seed++ {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { simulate(t, seed) }) {
			t.Fatalf("to repeat it: %s=%d %s=1 go test -run 'TestSimulation' -count 1 ./agent", seedVariable, seed, runsVariable)
		}
	}
}

// simulation is one history being played.
type simulation struct {
	*world
	*rand.Rand
	history *history
	watch   watch
	start   time.Time
	done    []string          // the actions, in words
	hurt    string            // what a disaster has struck that not every desk has got over yet
	kept    map[string]string // folder of an older copy of each desk's disk
	texts   int
}

// shownActions is how many of its last actions a failing run shows.
const shownActions = 25

func simulate(t *testing.T, seed uint64) {
	cryptotest.SetGlobalRandom(t, seed)
	inWorld(t, func(t *testing.T, w *world) {
		s := &simulation{
			world: w, Rand: rand.New(rand.NewPCG(seed, 0)), history: newHistory(), start: time.Now(),
			kept: make(map[string]string),
		}
		defer func() {
			if t.Failed() {
				t.Logf("the last actions of seed %d:\n%s", seed, strings.Join(s.done[max(0, len(s.done)-shownActions):], "\n"))
			}
		}()
		for i := range 2 + s.IntN(4) {
			m := w.machine(fmt.Sprintf("d%d", i+1))
			m.Config.Interval = simulationInterval
			m.start()
		}
		for range simulationActions {
			s.act()
			s.pause()
			s.look()
		}
		s.end()
		s.check()
	})
}

// say keeps an action for whoever must understand a failure.
func (s *simulation) say(format string, args ...any) {
	s.done = append(s.done, fmt.Sprintf("%10.3fs log %3d  ", time.Since(s.start).Seconds(), len(s.server.Stored()))+fmt.Sprintf(format, args...))
}

// pause lets time pass: mostly little, so that things happen at once, now and then
// more than the server remembers a message.
func (s *simulation) pause() {
	switch n := s.IntN(100); {
	case n < 30: // the next action comes with this one under way
	case n < 70:
		time.Sleep(time.Duration(s.IntN(300)) * time.Millisecond)
	case n < 98:
		time.Sleep(time.Duration(s.IntN(8000)) * time.Millisecond)
	default:
		time.Sleep(3 * time.Minute)
	}
	synctest.Wait()
}

// end mends everything, and waits until all desks are green.
func (s *simulation) end() {
	for _, m := range s.desks {
		m.mend()
		if !m.running() {
			m.start()
		}
		m.run.users.Wait()
		if err := m.WorkOnline(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.say("all is mended")
	s.settled()
}

// write has a user of a desk make a change.
func (s *simulation) write(m *machine, d agent.Draft, text string) {
	h := s.history
	m.user(func(a *agent.Agent) func() {
		w, err := a.Write(s.t.Context(), d)
		return func() { h.note(m.Name, d.Record, text, w, err) }
	})
}

package publish_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/hub/hubsim"
)

// What a day has, and what says how many are played.
const (
	dayDesks     = 5
	dayPatients  = 12
	seedVariable = "CARELOG_SIMULATE_SEED" // of the first day
	runsVariable = "CARELOG_SIMULATE_RUNS"
	// runsPerDay is how many of the shorter histories of other packages last as long.
	runsPerDay = 20
)

// dayChanges is how many registrations are made on a day.
var dayChanges = 500

// TestSimulatedDay plays a day of five desks and 500 changes, with the hub away for an hour, timeouts
// of what was stored and of what was not, and a publishing program killed at each step. At the
// end the hub holds one Sumehr per wished patient, the newest, none was sent twice, and no
// table names anybody; while the hub is away each names those who are behind, and no other.
//
// The seed decides the actions and their times, keys and ids; which of several goroutines that
// are ready at one moment goes first it does not.
func TestSimulatedDay(t *testing.T) {
	first, runs := agenttest.Number(t, seedVariable, 1), max(1, agenttest.Number(t, runsVariable, 1)/runsPerDay)
	for seed := first; seed < first+runs; seed++ {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { playDay(t, seed) }) {
			t.Fatalf("to repeat it: %s=%d go test -run TestSimulatedDay -count 1 ./agent/publish", seedVariable, seed)
		}
	}
}

// day is one day being played.
type day struct {
	*world
	*rand.Rand
	patients []patient // of whom the last few are wished by nobody
	wished   int
	changes  int
	merges   int
	steps    []string // at which nobody was killed yet
	done     []string
	asleep   map[*desk]time.Time // until when a killed desk lies there
}

func playDay(t *testing.T, seed uint64) {
	cryptotest.SetGlobalRandom(t, seed)
	inWorld(t, func(t *testing.T, w *world) {
		d := &day{world: w, Rand: rand.New(rand.NewPCG(seed, 6)), asleep: map[*desk]time.Time{}, wished: dayPatients, steps: slices.Clone(allSteps)}
		jitter := rand.New(rand.NewPCG(seed, 7))
		var mu sync.Mutex
		w.jitter = func(most time.Duration) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(jitter.Int64N(int64(most) + 1))
		}
		defer func() {
			if t.Failed() {
				t.Logf("the last of seed %d:\n%s", seed, strings.Join(d.done[max(0, len(d.done)-40):], "\n"))
			}
		}()
		d.open()
		d.until(dayChanges / 3)
		d.hubAway()
		d.until(dayChanges)
		d.close()
	})
}

func (d *day) say(format string, args ...any) {
	d.done = append(d.done, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// open opens the practice: at two of the desks each doctor has a session, at the fifth both.
func (d *day) open() {
	for i := range dayDesks {
		var here []string
		if i < 4 {
			here = []string{doctors[fmt.Sprintf("dr%d", i%2+1)]}
		}
		d.desk(fmt.Sprintf("d%d", i+1), here...)
	}
	d.green()
	d.desks[0].doctor("dr1")
	d.desks[0].doctor("dr2")
	for i := range dayPatients + 3 {
		p := newPatient(i, fmt.Sprintf("dr%d", i%2+1))
		d.desks[i%dayDesks].admit(p)
		if i < d.wished {
			d.desks[i%dayDesks].wish(p, true)
		}
		d.patients = append(d.patients, p)
	}
	d.passes(5 * time.Minute)
}

// until plays until so many changes were made.
func (d *day) until(changes int) {
	for d.changes < changes {
		d.act()
		switch d.IntN(3) {
		case 0: // the next comes with it
		case 1:
			d.passes(time.Duration(d.IntN(20)) * time.Second)
		default:
			d.passes(time.Duration(d.IntN(180)) * time.Second)
		}
		d.bury()
	}
}

// act has somebody do something.
func (d *day) act() {
	at := d.desks[d.IntN(len(d.desks))]
	if at.run == nil || at.dead() {
		return
	}
	switch n := d.IntN(100); {
	case n < 80:
		d.change(at, d.patients[d.IntN(len(d.patients))])
	case n < 84:
		d.say("%s works offline", at.Name)
		d.must(at.WorkOffline(context.Background()))
	case n < 90:
		d.must(at.WorkOnline(context.Background()))
	case n < 94:
		d.resolve(at)
	case n < 98:
		modes := []hubsim.Mode{hubsim.Timeout, hubsim.TimeoutButStored, hubsim.TimeoutButStored, hubsim.Fault, hubsim.Broken, hubsim.CompleteWithErrors, hubsim.NoRelation}
		s := hubsim.Switch{Mode: modes[d.IntN(len(modes))], Times: 1 + d.IntN(2), Writing: d.IntN(4) > 0}
		d.say("the hub: %+v", s)
		d.must(d.sim.Set(s))
	default:
		d.kill()
	}
}

func (d *day) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// change is a registration that no other is equal to.
func (d *day) change(at *desk, p patient) {
	d.changes++
	d.say("%s changes %s", at.Name, p.id)
	at.problem(p, d.IntN(4), fmt.Sprintf("nummer %d", d.changes))
}

// kill lets the next program that comes to a step die there.
func (d *day) kill() {
	if len(d.steps) == 0 || d.die.Load() != nil || slices.ContainsFunc(d.desks, func(at *desk) bool { return at.run == nil || at.dead() }) {
		return
	}
	d.say("who is %s dies", d.steps[0])
	d.die.Store(&d.steps[0])
}

// bury clears the killed away, and lets them start again some minutes later.
func (d *day) bury() {
	for _, at := range d.desks {
		switch {
		case at.dead():
			d.say("%s is dead", at.Name)
			d.steps = d.steps[1:]
			at.bury()
			d.asleep[at] = time.Now().Add(time.Duration(d.IntN(10)) * time.Minute)
		case at.run == nil && !time.Now().Before(d.asleep[at]):
			d.say("%s starts", at.Name)
			at.start()
		}
	}
}

// resolve settles the conflicts that a desk sees, each by a merge that no other is equal to:
// two who keep different heads would bring back what was published before.
func (d *day) resolve(at *desk) {
	conflicts, err := at.Store().Conflicts(context.Background())
	d.must(err)
	for _, state := range conflicts {
		d.merges++
		merged := label.ReplaceAll(state.Heads[d.IntN(len(state.Heads))].Body, fmt.Appendf(nil, `"text":"keuze %d"`, d.merges))
		choice := agent.Resolution{Record: state.Record, Author: "dr1", Body: merged}
		for _, h := range state.Heads {
			choice.Heads = append(choice.Heads, h.Event.ID)
		}
		if _, err := at.Resolve(context.Background(), choice); err != nil {
			d.say("%s does not resolve %s: %v", at.Name, state.Record, err)
		}
	}
}

var label = regexp.MustCompile(`"text":"[^"]*"`)

// mend ends all that is wrong, and settles the conflicts, until every desk is level and no
// table names anybody.
func (d *day) mend() {
	d.t.Helper()
	d.must(d.sim.Set(hubsim.Switch{}))
	d.die.Store(nil)
	d.bury()
	for _, at := range d.desks {
		if at.run == nil {
			at.start()
		}
		d.must(at.WorkOnline(context.Background()))
	}
	d.green()
	for range 60 {
		d.resolve(d.desks[0])
		d.passes(time.Minute)
		if !slices.ContainsFunc(d.desks, func(at *desk) bool { return len(at.rows()) > 0 || at.Now().Conflicts > 0 }) {
			return
		}
	}
	for _, at := range d.desks {
		d.t.Logf("%s: %v, %d conflicts", at.Name, at.rows(), at.Now().Conflicts)
	}
	d.t.Fatal("an hour after all was mended there is still somebody in the table, or a conflict")
}

// hubAway lets the hub be away for an hour, after all was well. The table of every desk names
// those who were changed since, and no other.
func (d *day) hubAway() {
	d.mend()
	d.say("the hub goes away")
	d.away.Store(true)
	began := time.Now()
	behind := map[string]bool{}
	for time.Since(began) < time.Hour {
		at, p := d.desks[d.IntN(len(d.desks))], d.patients[d.IntN(len(d.patients))]
		d.change(at, p)
		if slices.Index(d.patients, p) < d.wished {
			behind[p.id] = true
		}
		d.passes(time.Duration(30+d.IntN(300)) * time.Second)
		d.green()
		for _, at := range d.desks {
			named := map[string]bool{}
			for _, row := range at.rows() {
				id, _, _ := strings.Cut(row, ":")
				named[id] = true
			}
			if len(named) != len(behind) || slices.ContainsFunc(d.patients, func(p patient) bool { return named[p.id] != behind[p.id] }) {
				d.t.Fatalf("the hub is away, and %s names %v; behind are %v", at.Name, at.rows(), behind)
			}
		}
	}
	if len(behind) < 3 {
		d.t.Errorf("only %d were changed: the hour shows nothing", len(behind))
	}
	d.away.Store(false)
	d.say("the hub is back")
}

// close ends the day, and looks at what became of it.
func (d *day) close() {
	for tries := 0; len(d.steps) > 0; tries++ {
		if tries > 20 {
			d.t.Fatalf("nobody died at %v", d.steps)
		}
		d.mend()
		d.kill()
		d.change(d.desks[0], d.patients[d.IntN(d.wished)])
		d.passes(time.Minute)
		d.bury()
	}
	d.mend()
	d.passes(10 * time.Minute)
	stored := 0
	for i, p := range d.patients {
		held := d.held(p)
		if i >= d.wished {
			if len(held) > 0 {
				d.t.Errorf("nobody wishes one of %s, and the hub holds %+v", p.id, held)
			}
			continue
		}
		if len(held) != 1 || held[0].Revoked {
			d.t.Errorf("of %s the hub holds %+v, want one", p.id, held)
			continue
		}
		stored += len(held[0].Versions)
		for _, at := range d.desks {
			d.newest(at, p)
		}
	}
	for _, at := range d.desks {
		at.is()
		if n := at.table.Behind(); n != 0 {
			d.t.Errorf("%s counts %d", at.Name, n)
		}
		if conflicts, err := at.Store().Conflicts(context.Background()); err != nil || len(conflicts) > 0 {
			d.t.Errorf("%s has %d conflicts, %v", at.Name, len(conflicts), err)
		}
	}
	d.t.Logf("%d changes became %d versions of %d sent, in a log of %d events", d.changes, stored, d.puts.Load(), len(d.server.Stored()))
}

package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
)

// A PC and the server may both come back from older copies and have lost the same: their ends are the
// same then, and nothing but the PC's own word of before tells that there was more. It is said for a
// day, though the light is green; where one of them has it all the same, there is nothing to say.
func TestScenario_TheDeskAndTheServerLostTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		desk, server, others bool // came back from an older copy, and went on without this desk
		warned               bool
	}{
		"both":                      {desk: true, server: true, warned: true},
		"both, and others write on": {desk: true, server: true, others: true, warned: true},
		"the desk alone":            {desk: true},
		"the server alone":          {server: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				w.settled()
				one.notes(2)
				w.settled()
				synctest.Wait()
				data, had := one.copyData(), uint64(len(w.server.Stored()))
				one.notes(3)
				w.settled()
				time.Sleep(time.Minute) // it has said where it stands
				words, err := w.server.Client("listener").Positions(t.Context())
				if err != nil || len(words) != 1 || words[0].Sequence <= had {
					t.Fatalf("%v, %v: want a word of a place after %d", words, err, had)
				}
				one.fault((*memlog.Log).Cut)
				one.AwaitOffline()
				if c.desk {
					one.abandon(data)
					one.start()
				}
				if c.server {
					w.server.RollBack(had)
					if err := w.server.Client("one").PutPosition(t.Context(), words[0]); err != nil { // which is kept in another place
						t.Fatal(err)
					}
				}
				if c.others {
					two := w.desk("two")
					two.notes(5)
					time.Sleep(time.Minute)
				}
				one.mend()
				w.settled()
				if got := one.warned(agent.WarnEndLost); got != c.warned {
					t.Errorf("it says that something may be lost: %t, want %t; %v", got, c.warned, one.Now().Warnings)
				}
				one.skew.Store(int64(23 * time.Hour))
				time.Sleep(time.Minute)
				if got := one.warned(agent.WarnEndLost); got != c.warned {
					t.Error("it is not said for a day")
				}
				one.skew.Store(int64(25 * time.Hour))
				time.Sleep(time.Minute)
				if one.warned(agent.WarnEndLost) {
					t.Error("it is said for more than a day")
				}
				w.agreed()
			})
		})
	}
}

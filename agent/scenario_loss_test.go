package agent_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// notes writes n notes at a desk.
func (m *machine) notes(n int) (ids []events.ID) {
	m.world.t.Helper()
	for i := range n {
		ids = append(ids, m.MustNote(fmt.Sprintf("%s-%d", m.Name, i), fmt.Sprintf("note %d", i)).ID)
	}
	return ids
}

func TestScenario09_ThePositionIsLost(t *testing.T) {
	cases := map[string]struct {
		lose func(w *world, m *machine)
	}{
		"on the device": {func(_ *world, m *machine) { m.kill(); m.loseProjection(); m.start() }},
		"on the server": {func(w *world, _ *machine) { w.server.Wipe() }},
		"on both":       {func(w *world, m *machine) { m.kill(); m.loseProjection(); w.server.Wipe(); m.start() }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				ids := append(one.notes(8), two.notes(8)...)
				w.settled()
				c.lose(w, two)
				w.settled()
				w.once(ids...)
				w.agreed()
			})
		})
	}
}

func TestScenario10_TheServerComesBackFromABackup(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		ids := one.notes(5)
		w.settled()
		backup := uint64(len(w.server.Stored()))
		ids = append(ids, two.notes(5)...)
		ids = append(ids, one.MustNote("c1", "of a patient whose key is new").ID)
		w.settled()
		for _, m := range w.desks {
			m.fault(func(l *memlog.Log) { l.Delay(time.Second) }) // so that the warning is there to be seen
		}
		w.server.RollBack(backup)
		for _, m := range w.desks {
			m.Await("that the loss is said", func(agent.Status) bool { return m.warned("server-lost") })
			m.mend()
		}
		w.settled()
		w.once(ids...)
		w.agreed()
		if one.warned("server-lost") || two.warned("server-lost") {
			t.Error("the loss is still said after the server has got everything back")
		}
	})
}

// The acknowledgement had come, but nobody had read the event when the server lost it.
func TestScenario10_WhatWasAcknowledgedAndNotYetReadComesBack(t *testing.T) {
	for _, queued := range []bool{false, true} {
		t.Run(map[bool]string{false: "written online", true: "queued and pushed"}[queued], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var reads atomic.Int64
				reads.Store(1 << 30)
				one := w.machine("one")
				one.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &reads} }
				one.start()
				w.settled()
				backup := uint64(len(w.server.Stored()))
				if queued {
					one.offline()
				}
				reads.Store(0)
				written, err := one.Write(t.Context(), agent.Draft{
					Record: agenttest.Condition("c1"), Patient: "p9", Body: agenttest.Body("c1", "asthma"),
				})
				if err != nil || written.Queued() != queued {
					t.Fatalf("%+v, %v", written, err)
				}
				if queued {
					one.online()
				}
				time.Sleep(time.Second)
				w.once(written.ID)
				w.server.RollBack(backup)
				reads.Store(1 << 30)
				w.desk("two")
				w.settled()
				w.once(written.ID)
				w.texts("c1", "asthma")
				w.agreed()
			})
		})
	}
}

// A desk is cut off while it gives the server back what it lost, and goes on with it.
func TestScenario10_HealingIsCutOff(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(map[bool]string{false: "line", true: "kill"}[kill], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				w.settled()
				ids := one.notes(10)
				w.settled()
				one.fault(func(l *memlog.Log) { l.Delay(100 * time.Millisecond) })
				w.server.RollBack(3)
				for len(w.server.Stored()) < 7 {
					time.Sleep(10 * time.Millisecond)
				}
				if kill {
					one.kill()
					one.start()
				}
				one.once((*memlog.Log).Cut)
				time.Sleep(time.Minute)
				one.mend()
				w.settled()
				w.once(ids...)
				w.agreed()
			})
		})
	}
}

// The server's log has the same end as before and another order: what it lost was given
// back by others, and the desk that was away finds its last event where it was.
func TestScenario10_TheSameEndAfterAnotherOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		ids := one.notes(3)
		w.settled()
		one.fault((*memlog.Log).Cut)
		one.AwaitOffline()
		log := w.server.Stored()
		w.server.RollBack(1)
		time.Sleep(time.Hour)
		for _, i := range []int{2, 1, 3} {
			if _, err := w.server.Client("two").Append(t.Context(), log[i].Message); err != nil {
				t.Fatal(err)
			}
		}
		one.mend()
		w.settled()
		w.once(ids...)
		// The order is the test's own doing, and no clean audit.
		if at, _, err := one.Store().Position(t.Context()); err != nil || at != w.truth() {
			t.Errorf("the desk stands at %v, %v; want %v", at, err, w.truth())
		}
	})
}

func TestScenario11_TheServersDiskIsWiped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		ids := append(one.notes(5), two.notes(5)...)
		w.settled()
		two.fault((*memlog.Log).Cut)
		two.AwaitOffline()
		ids = append(ids, two.notes(3)...)            // that nobody else has
		ids = append(ids, one.MustNote("c1", "x").ID) // that two has not read
		one.AwaitGreen()
		w.server.Wipe()
		two.mend()
		w.settled()
		w.once(ids...)
		three := w.desk("three") // knows nothing but what the server has
		w.settled()
		w.agreed()
		if n := three.Now().Doubts; len(n) != 0 {
			t.Errorf("a new desk doubts %v", n)
		}
	})
}

func TestScenario12_ADevicesDiskComesBackFromABackup(t *testing.T) {
	for name, queue := range map[string]int{"nothing is queued": 0, "events are queued under the old numbers": 3} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.notes(2)
				w.settled()
				synctest.Wait()
				backup := one.copyData()
				ids := one.notes(5) // their numbers are given away
				w.settled()
				one.fault((*memlog.Log).Cut)
				one.abandon(backup)
				one.start()
				for i := range queue {
					ids = append(ids, one.MustNote("c1", fmt.Sprint("after ", i)).ID)
				}
				one.mend()
				w.settled()
				if !one.warned("device-restored") {
					t.Error("the desk does not say that its disk came back from a copy")
				}
				ids = append(ids, one.MustNote("c2", "goes on").ID)
				w.settled()
				w.once(ids...)
				w.agreed()
				one.skew.Store(int64(23 * time.Hour))
				time.Sleep(time.Minute)
				if !one.warned("device-restored") {
					t.Error("it is not said for a day")
				}
				one.skew.Store(int64(25 * time.Hour))
				time.Sleep(time.Minute)
				if one.warned("device-restored") {
					t.Error("it is said for more than a day")
				}
			})
		})
	}
}

// The projection is damaged, and what was typed is in the outbox; or is nowhere, and then nobody
// is told that it is safe.
func TestScenario12_TheProjectionIsDamaged(t *testing.T) {
	for name, lost := range map[string]bool{"projection-rebuilt": false, "projection-and-outbox-lost": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				ids := one.notes(2)
				w.settled()
				one.offline()
				queued := one.MustNote("c1", "typed offline").ID
				one.Stop()
				one.damageProjection()
				if lost {
					one.loseOutbox()
				} else {
					ids = append(ids, queued)
				}
				one.start()
				for _, code := range []string{"projection-rebuilt", "projection-and-outbox-lost"} {
					if got := one.warned(code); got != (code == name) {
						t.Errorf("the desk says %s: %v", code, got)
					}
				}
				one.online()
				w.settled()
				w.once(ids...)
				w.agreed()
			})
		})
	}
}

func TestScenario13_Kill(t *testing.T) {
	const delay = time.Second
	for name, after := range map[string]time.Duration{
		"before it arrives": delay / 2,
		"when it is stored and the answer is on its way":   3 * delay / 2,
		"when it was answered and has not left the outbox": 5 * delay / 2,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				first := one.MustNote("c1", "first")
				w.settled()
				one.fault(func(l *memlog.Log) { l.Delay(delay) })
				var reads atomic.Int64 // none: what is acknowledged is not read
				one.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &reads} }
				one.user(func(*agent.Agent) func() {
					_, err := one.Note("c1", "second", first.ID)
					return func() { t.Log(err) }
				})
				time.Sleep(after)
				synctest.Wait()
				if stored := len(w.server.Stored()) == 4; stored != (after > delay) {
					t.Errorf("stored: %v", stored)
				}
				one.kill()
				one.wrap = nil
				one.mend()
				one.start()
				w.settled()
				if n := len(w.agreed()[agenttest.Condition("c1")]); n != 2 {
					t.Errorf("%d versions, want 2", n)
				}
				w.texts("c1", "second")
			})
		})
	}
}

func TestScenario17_KilledAgainAndAgainInTheFirstRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.notes(16)
		one.offline()
		one.notes(8)
		one.online()
		w.settled()
		three := w.machine("three")
		reached := uint64(0)
		for life := 1; three.Agent == nil; life++ {
			var left atomic.Int64
			left.Store(int64(life % 5)) // now and then none
			three.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &left} }
			three.start()
			time.Sleep(time.Second)
			synctest.Wait()
			s := three.Now()
			if s.Position.Sequence < reached {
				t.Fatalf("life %d stands at %d, and the one before it had reached %d", life, s.Position.Sequence, reached)
			}
			reached = s.Position.Sequence
			if err := three.Store().Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if reached == uint64(len(w.server.Stored())) {
				break
			}
			three.kill()
		}
		three.kill()
		three.wrap = nil
		three.start()
		w.settled()
		w.agreed()
	})
}

func TestScenario18_RevokedWithAQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		first := two.MustNote("c1", "before")
		w.settled()
		two.offline()
		queued := two.MustNote("c1", "after", first.ID)
		if _, _, err := one.RevokeDevice(t.Context(), "two", "admin"); err != nil {
			t.Fatal(err)
		}
		two.online()
		time.Sleep(time.Minute)
		one.AwaitGreen()
		if diff := cmp.Diff([]string{"before"}, one.Texts("c1")); diff != "" {
			t.Errorf("what a revoked desk wrote counts (-want +got):\n%s", diff)
		}
		held, err := two.Outbox(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		inQueue := len(held) == 1 && held[0].ID == queued.ID
		if inLog := len(w.places(queued.ID)) == 1; inQueue == inLog {
			t.Errorf("in the queue: %v, in the log: %v; want one of them", inQueue, inLog)
		} else if doubts := one.Now().Doubts[projections.DoubtRevoked]; inLog && doubts != 1 {
			t.Errorf("the administrator sees %d doubtful events, want 1", doubts)
		}
		// What counts nowhere is not taken as if it did, by either way of writing.
		if _, err := two.Note("c2", "more"); !errors.Is(err, agent.ErrRevoked) {
			t.Errorf("a write at the revoked desk: %v, want ErrRevoked", err)
		}
		draft := agent.Draft{Record: agenttest.Condition("c3"), Patient: "p1", Body: agenttest.Body("c3", "many")}
		if _, err := two.WriteMany(t.Context(), []agent.Draft{draft}); !errors.Is(err, agent.ErrRevoked) {
			t.Errorf("an import at the revoked desk: %v, want ErrRevoked", err)
		}
	})
}

func TestScenario20_TwoAgentsOnOneFolder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		if a, err := agent.Open(t.Context(), one.Config); !errors.Is(err, agent.ErrInUse) {
			t.Errorf("a second agent: %v, %v; want that the folder is in use", a, err)
		}
		one.notes(2) // the first one goes on
		one.stop()
		one.start() // and its end frees the folder
		w.settled()
		w.agreed()
	})
}

func TestScenario21_OneRefusedEventHoldsBackNothing(t *testing.T) {
	for _, happened := range []bool{false, true} {
		t.Run(map[bool]string{false: "refused", true: "refused, and stored all the same"}[happened], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				one.offline()
				bad := one.MustNote("c1", "too much for the server")
				good := one.MustNote("c2", "fine")
				refuse := func(m events.Message) bool { id, _ := m.Peek(); return id == bad.ID.String() }
				if happened {
					one.fault((*memlog.Log).CutAfterStoring)
					one.online()
					one.AwaitOffline()
					time.Sleep(time.Minute)
					one.offline()
				}
				w.server.Refuse(refuse)
				one.mend()
				one.online()
				one.Await("an empty queue", func(s agent.Status) bool { return s.Outbox == 0 && !s.ByChoice })
				two.AwaitVersion(agenttest.Condition("c2"), good.ID)
				aside := one.Now().SetAside
				if happened {
					if aside != 0 {
						t.Errorf("%d events set aside, want none: the log has them", aside)
					}
				} else {
					if list, err := one.Outbox(t.Context()); err != nil || aside != 1 || len(list) != 1 || list[0].ID != bad.ID || list[0].LastError == "" {
						t.Errorf("%d set aside, %+v, %v; want the refused one with its reason", aside, list, err)
					}
					w.server.Refuse(nil)
					if err := one.Retry(t.Context(), bad.ID); err != nil {
						t.Fatal(err)
					}
				}
				w.settled()
				w.once(good.ID, bad.ID)
				w.agreed()
			})
		})
	}
}

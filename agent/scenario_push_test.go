package agent_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// many queues n notes at once: they go to the server in one batch.
func (m *machine) many(n int) (ids []events.ID) {
	m.world.t.Helper()
	drafts := make([]agent.Draft, n)
	for i := range drafts {
		id := fmt.Sprintf("%s-many-%d", m.Name, i)
		drafts[i] = agent.Draft{Record: agenttest.Condition(id), Patient: "p1", Body: agenttest.Body(id, "text")}
	}
	outcomes, err := m.WriteMany(m.world.t.Context(), drafts)
	if err != nil {
		m.world.t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			m.world.t.Fatal(o.Err)
		}
		ids = append(ids, o.ID)
	}
	return ids
}

// inOrder checks that events stand in the log one after the other.
func (w *world) inOrder(ids ...events.ID) {
	w.t.Helper()
	last := uint64(0)
	for _, id := range ids {
		at := w.places(id)
		if len(at) != 1 || at[0] <= last {
			w.t.Fatalf("event %s stands at %v, want one place after %d", id, at, last)
		}
		last = at[0]
	}
}

// batches is a line that lets a test look at each batch before it goes out, and change
// what comes back.
type batches struct {
	*memlog.Log
	before func(list []events.Appending)
	after  func(error) error
}

func (l batches) AppendBatch(ctx context.Context, list []events.Appending) (uint64, error) {
	if l.before != nil {
		l.before(list)
	}
	first, err := l.Log.AppendBatch(ctx, list)
	if l.after != nil {
		err = l.after(err)
	}
	return first, err
}

// Of many events the server refuses some, which it names or does not: they and what
// builds on them are set aside, and nothing else.
func TestRefusedEventsAreFoundInABatch(t *testing.T) {
	for _, named := range []bool{true, false} {
		t.Run(map[bool]string{true: "named", false: "not named"}[named], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.machine("one")
				sent := 0
				one.wrap = func(l *memlog.Log) agent.Log {
					return batches{Log: l, before: func([]events.Appending) { sent++ }, after: func(err error) error {
						var refused *events.RefusedError
						if !named && errors.As(err, &refused) {
							return refused
						}
						return err
					}}
				}
				one.start()
				w.settled()
				one.offline()
				ids := one.many(200)
				child, err := one.Note("one-many-120", "builds on what is refused", ids[120])
				if err != nil {
					t.Fatal(err)
				}
				bad := map[events.ID]bool{ids[0]: true, ids[120]: true, ids[121]: true, ids[199]: true}
				w.server.Refuse(func(m events.Message) bool {
					id, _ := m.Peek()
					for b := range bad {
						if id == b.String() {
							return true
						}
					}
					return false
				})
				sent = 0
				one.online()
				one.Await("an empty queue", func(s agent.Status) bool { return s.Outbox == 0 && !s.ByChoice })
				bad[child.ID] = true
				held, err := one.Outbox(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, q := range held {
					if !bad[q.ID] || !q.SetAside || q.LastError == "" {
						t.Errorf("in the outbox: %+v", q)
					}
				}
				if len(held) != len(bad) {
					t.Errorf("%d events were set aside, want %d", len(held), len(bad))
				}
				var good []events.ID
				for _, id := range ids {
					if !bad[id] {
						good = append(good, id)
					}
				}
				w.inOrder(good...)
				if sent > 60 {
					t.Errorf("it took %d batches to find 4 events in 200", sent)
				}
				w.server.Refuse(nil)
				for _, id := range []events.ID{ids[0], ids[120], ids[121], ids[199], child.ID} {
					if err := one.Retry(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				w.settled()
				w.once(append(ids, child.ID)...)
				w.agreed()
			})
		})
	}
}

// A colleague writes to the dossier whenever a batch is about to go: the batch goes
// behind it, as a conflict where it is the same record.
func TestAColleagueIsFasterThanABatch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		two := w.desk("two")
		one := w.machine("one")
		meddle := 0
		var theirs []events.ID
		one.wrap = func(l *memlog.Log) agent.Log {
			return batches{Log: l, before: func([]events.Appending) {
				if meddle > 0 {
					meddle--
					theirs = append(theirs, two.MustNote("c1", fmt.Sprint("theirs ", meddle)).ID)
				}
			}}
		}
		one.start()
		w.settled()
		first := two.MustNote("c1", "first")
		w.settled()
		one.offline()
		mine := one.MustNote("c1", "mine", first.ID)
		ids := one.many(100)
		meddle = 12
		one.online()
		w.settled()
		if len(theirs) != 12 {
			t.Errorf("the colleague wrote %d times, want 12", len(theirs))
		}
		w.once(append(append(theirs, mine.ID), ids...)...)
		w.inOrder(append([]events.ID{mine.ID}, ids...)...)
		w.texts("c1", "theirs 0", "mine")
		w.agreed()
	})
}

// What the faults below meet: a batch, and a part of one. TestKill9InAPush has whole ones.
const (
	pushBatch = 100
	pushed    = 110
)

// Whatever becomes of a batch or of its acknowledgement, every event is in the log once,
// in the order in which it was written.
func TestABatchMeetsFaults(t *testing.T) {
	for name, fault := range map[string]func(*memlog.Log){
		"the acknowledgement is lost":         func(l *memlog.Log) { l.LoseAcks(1) },
		"three acknowledgements are lost":     func(l *memlog.Log) { l.LoseAcks(3) },
		"the batch is lost":                   func(l *memlog.Log) { l.LoseSends(1) },
		"the line is cut before its end":      (*memlog.Log).CutBeforeCommit,
		"the line is cut when it was stored":  (*memlog.Log).CutAfterStoring,
		"nothing comes in while it is stored": (*memlog.Log).CutIncoming,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.machine("one")
				one.Config.PushBatch = pushBatch
				hit := false
				one.wrap = func(l *memlog.Log) agent.Log {
					return batches{Log: l, before: func(list []events.Appending) {
						if !hit && len(list) > 1 {
							hit = true
							fault(l)
						}
					}}
				}
				one.start()
				w.settled()
				one.offline()
				ids := one.many(pushed)
				one.online()
				time.Sleep(time.Minute)
				one.mend()
				w.settled()
				if !hit {
					t.Fatal("no batch was sent")
				}
				w.inOrder(ids...)
				w.agreed()
			})
		})
	}
}

// Killed while it sends a queue, at each step of a batch, and again and again.
func TestKilledInAPush(t *testing.T) {
	const delay = time.Second
	for step := range 4 {
		t.Run(fmt.Sprint("step ", step), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.stop()
				one.Config.PushBatch = pushBatch
				one.start()
				one.offline()
				ids := one.many(pushed)
				one.fault(func(l *memlog.Log) { l.Delay(delay) })
				var reads atomic.Int64 // few: what is acknowledged is mostly not read
				reads.Store(int64(step * pushBatch * 3 / 10))
				one.wrap = func(l *memlog.Log) agent.Log { return trickle{l, &reads} }
				one.online()
				for life := range 3 {
					// Each exchange takes two delays; some go before the first batch.
					time.Sleep(time.Duration(12+3*step+life) * delay / 2)
					synctest.Wait()
					one.kill()
					one.start()
				}
				one.kill()
				one.wrap = nil
				one.mend()
				one.start()
				w.settled()
				w.inOrder(ids...)
				w.agreed()
			})
		})
	}
}

package agent_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// lateReader hands on what is read only when open is closed.
type lateReader struct {
	*memlog.Log
	held func() <-chan struct{}
}

func (l lateReader) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			select {
			case <-l.held():
			case <-ctx.Done():
				return
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// A change that names no version goes on from the one that stood at its desk. Where a colleague was
// faster, and this desk hears of it only when the server refuses, the author cannot have seen
// theirs: nothing is written, they hear what stands, and the colleague's is not covered.
func TestAChangeCoversNothingThatNobodySaw(t *testing.T) {
	mine := agent.Draft{Record: agenttest.Condition("c"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c", "mine")}
	deletion := mine
	deletion.Delete, deletion.Body = true, nil
	beside := mine
	beside.Record, beside.Body = agenttest.Condition("d"), agenttest.Body("d", "beside")
	together := func(m *machine, d agent.Draft) error {
		_, err := m.Transact(context.Background(), func(context.Context) ([]agent.Draft, error) { return []agent.Draft{beside, d}, nil })
		return err
	}
	alone := func(m *machine, d agent.Draft) error { _, err := m.Write(context.Background(), d); return err }
	for name, c := range map[string]struct {
		first bool // there is a version before both
		draft agent.Draft
		write func(*machine, agent.Draft) error
	}{
		"an update":                     {true, mine, alone},
		"a deletion":                    {true, deletion, alone},
		"a new record":                  {false, mine, alone},
		"an update in a transaction":    {true, mine, together},
		"a deletion in a transaction":   {true, deletion, together},
		"a new record in a transaction": {false, mine, together},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.machine("one"), w.desk("two")
				open := make(chan struct{})
				close(open)
				held := open
				one.wrap = func(l *memlog.Log) agent.Log { return lateReader{l, func() <-chan struct{} { return held }} }
				one.start()
				w.settled()
				if c.first {
					one.MustNote("c", "first")
				}
				w.settled()
				held = make(chan struct{})
				theirs := two.MustNote("c", "theirs")
				time.AfterFunc(worldPatience/2, func() { close(held) })
				err := c.write(one, c.draft)
				var stale *agent.StaleError
				if !errors.As(err, &stale) || !slices.Equal(stale.Heads, []events.ID{theirs.ID}) {
					t.Errorf("got %v; want to hear of %s", err, theirs.ID)
				}
				w.settled()
				w.texts("c", "theirs")
				w.texts("d")
				if n := one.Now().Outbox; n != 0 {
					t.Errorf("%d changes in the outbox", n)
				}
				if err := c.write(one, c.draft); err != nil {
					t.Errorf("once more, with theirs in sight: %v", err)
				}
				w.settled()
				want := "mine"
				if c.draft.Delete {
					want = "(deleted)"
				}
				w.texts("c", want)
				w.agreed()
			})
		})
	}
}

// What comes while a plan is made is no more covered than what comes after it: whether the plan gave the record from the
// first or only when it was asked again.
func TestATransactionCoversNothingThatCameWhileItWasPlanned(t *testing.T) {
	draft := func(id, text string) agent.Draft {
		return agent.Draft{Record: agenttest.Condition(id), Patient: "p1", Author: "dr-one", Body: agenttest.Body(id, text)}
	}
	for name, c := range map[string]struct {
		plans [2]string // the record of the first plan, and of all others
		comes string    // what the colleague changes meanwhile
		stale bool
	}{
		"the same record":          {[2]string{"c", "c"}, "c", true},
		"another that changed":     {[2]string{"d", "c"}, "c", true},
		"another that stood still": {[2]string{"c", "d"}, "c", false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				one.MustNote("c", "first")
				one.MustNote("d", "first")
				w.settled()
				asked := 0
				var theirs agent.Written
				_, err := one.Transact(t.Context(), func(context.Context) ([]agent.Draft, error) {
					if asked++; asked == 1 {
						theirs = two.MustNote(c.comes, "theirs")
						w.await(t, "theirs", func() bool { _, err := one.Store().ByID(t.Context(), theirs.ID); return err == nil })
					}
					return []agent.Draft{draft(c.plans[min(asked, 2)-1], "mine")}, nil
				})
				w.settled()
				var stale *agent.StaleError
				if errors.As(err, &stale) != c.stale || c.stale && !slices.Equal(stale.Heads, []events.ID{theirs.ID}) || !c.stale && err != nil {
					t.Errorf("got %v; want stale %t", err, c.stale)
				}
				w.texts(c.comes, "theirs")
				if !c.stale {
					w.texts(c.plans[1], "mine")
				}
				w.agreed()
			})
		})
	}
}

package agent_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// awaitShown waits until nothing that was accepted is missing any more.
func awaitShown(d *agenttest.Desk) {
	d.Await("that all is shown, and nobody is warned", func(s agent.Status) bool {
		for _, w := range s.Warnings {
			if w.Code == "projection-failed" || w.Code == "disk-full" {
				return false
			}
		}
		return s.Unshown == 0 && !s.Incomplete
	})
}

// lacking checks that a desk says of a change that was accepted that it cannot show it: wherever
// it could be looked for, and nowhere else.
func lacking(t *testing.T, d *agenttest.Desk, id string, w agent.Written) {
	t.Helper()
	ctx := t.Context()
	records, record := d.Records(), agenttest.Condition(id)
	_, read := records.Record(ctx, record)
	_, vread := records.Version(ctx, record, w.ID)
	_, byID := records.ByID(ctx, w.ID)
	for what, err := range map[string]error{"its record": read, "its version": vread, "its event": byID, "its dossier": d.Need(ctx, "p1"), "all": d.Incomplete(ctx)} {
		if !errors.Is(err, agent.ErrIncomplete) || errors.Is(err, projections.ErrNotFound) {
			t.Errorf("%s: got %v; want that it is here, and cannot be shown", what, err)
		}
	}
	if err := d.Need(ctx, "p2"); err != nil {
		t.Errorf("another dossier: %v", err)
	}
	if s := d.Now(); s.Unshown != 1 || !s.Incomplete {
		t.Errorf("the status says that %d are not shown, incomplete %t", s.Unshown, s.Incomplete)
	}
}

// What is safe in the outbox and cannot be shown is not said to be missing: from the moment on in
// which its author was told. It is shown as soon as it can be, without anybody's help.
func TestWhatCannotBeShownIsSaid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		first := one.MustNote("c1", "asthma")
		w.settled()
		one.offline()
		mend := breakProjection(t, one.Desk)
		written := one.MustNote("c2", "penicillin")
		lacking(t, one.Desk, "c2", written)
		if !one.warned("projection-failed") {
			t.Error("nobody is warned")
		}
		shows(t, one.Desk, "c1", first.ID)
		mend()
		awaitShown(one.Desk)
		if err := one.Incomplete(t.Context()); err != nil {
			t.Error(err)
		}
		shows(t, one.Desk, "c2", written.ID)
		one.online()
		w.settled()
		w.texts("c2", "penicillin")
		w.once(written.ID)
		w.agreed()
	})
}

// The projection says that it could not take a change in, and has it: showing it again changes
// nothing, also where it was changed since.
func TestWhatWasShownAfterAll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.offline()
		first := one.MustNote("c1", "mild")
		v, err := one.Store().Version(t.Context(), agenttest.Condition("c1"), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		one.MustNote("c1", "severe")
		one.ShowLater(errors.New("input/output error"), v)
		awaitShown(one.Desk)
		one.online()
		w.settled()
		w.texts("c1", "severe")
		w.agreed()
	})
}

// A change that cannot be written to the outbox is nowhere, whatever the projection could do.
func TestTheOutboxTakesNothing(t *testing.T) {
	for name, files := range map[string][]string{"it alone": {agent.OutboxFile}, "nor does the projection": {agent.OutboxFile, agent.ProjectionFile}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.offline()
				one.MustNote("c1", "asthma")
				synctest.Wait() // it is shown beside the answer
				var mend []func()
				for _, file := range files {
					table := map[string]string{agent.OutboxFile: "queue", agent.ProjectionFile: "event"}[file]
					mend = append(mend, breakTable(t, one.Desk, file, "INSERT", table))
				}
				_, err := one.Note("c2", "penicillin")
				_, read := one.Records().Record(t.Context(), agenttest.Condition("c2"))
				if s := one.Now(); err == nil || !errors.Is(read, projections.ErrNotFound) || errors.Is(read, agent.ErrIncomplete) || s.Outbox != 1 || s.Unshown != 0 {
					t.Errorf("written: %v; read: %v; %d queued, %d not shown", err, read, s.Outbox, s.Unshown)
				}
				for _, f := range mend {
					f()
				}
				again := one.MustNote("c2", "latex")
				one.online()
				w.settled()
				w.texts("c2", "latex")
				w.once(again.ID)
				w.agreed()
			})
		})
	}
}

// What the server refused is queued again, or given up, and the projection does not follow: the
// outbox says what stands, nobody is shown what does not, and the projection follows later.
func TestWhatWasRefusedAndTheProjectionFails(t *testing.T) {
	for name, test := range map[string]struct {
		change string // of the table of events, that fails
		do     func(one *machine, id events.ID) error
		texts  []string
	}{
		"queued again": {"INSERT", func(one *machine, id events.ID) error { return one.Retry(context.Background(), id) }, []string{"new"}},
		"discarded": {"DELETE", func(one *machine, id events.ID) error {
			return one.Discard(context.Background(), id, "dr-one", "a mistake")
		}, []string{"old"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.MustNote("c1", "old")
				w.settled()
				one.offline()
				bad := one.MustNote("c1", "new")
				w.server.Refuse(func(m events.Message) bool { id, _ := m.Peek(); return id == bad.ID.String() })
				one.online()
				one.Await("that it was set aside", func(s agent.Status) bool { return s.SetAside == 1 })
				w.server.Refuse(nil)
				mend := breakTable(t, one.Desk, agent.ProjectionFile, test.change, "event")
				if err := test.do(one, bad.ID); err != nil {
					t.Error(err)
				}
				lacking(t, one.Desk, "c1", bad)
				// Whoever makes a change, or gives one up, would have to see it first.
				if err := one.Discard(t.Context(), bad.ID, "dr-one", "a mistake"); err == nil {
					t.Error("it was given up, and nobody sees what")
				}
				mend()
				awaitShown(one.Desk)
				w.settled()
				w.texts("c1", test.texts...)
				w.agreed()
			})
		})
	}
}

// What was refused cannot be taken out of the projection, or is not queued again: it stays set
// aside and shown, as if nobody had asked for it.
func TestWhatWasRefusedIsNotQueuedAgain(t *testing.T) {
	for file, broken := range map[string][2]string{agent.ProjectionFile: {"DELETE", "event"}, agent.OutboxFile: {"DELETE", "aside"}} {
		t.Run(file, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.offline()
				bad := one.MustNote("c1", "new")
				w.server.Refuse(func(m events.Message) bool { id, _ := m.Peek(); return id == bad.ID.String() })
				one.online()
				one.Await("that it was set aside", func(s agent.Status) bool { return s.SetAside == 1 })
				w.server.Refuse(nil)
				mend := breakTable(t, one.Desk, file, broken[0], broken[1])
				if err := one.Retry(t.Context(), bad.ID); err == nil {
					t.Error("it was queued again")
				}
				mend()
				awaitShown(one.Desk)
				if s := one.Now(); s.SetAside != 1 {
					t.Errorf("%d are set aside, want the one", s.SetAside)
				}
				if diff := cmp.Diff([]string{"new"}, one.Texts("c1")); diff != "" {
					t.Errorf("it is shown (-want +got):\n%s", diff)
				}
				if err := one.Retry(t.Context(), bad.ID); err != nil {
					t.Fatal(err)
				}
				w.settled()
				w.texts("c1", "new")
				w.once(bad.ID)
				w.agreed()
			})
		})
	}
}

// The index of what changed, which is made when it has been quiet for a moment, fails: it is made
// later, though nobody changes anything any more.
func TestTheIndexIsTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.offline()
		mend := breakTable(t, one.Desk, agent.ProjectionFile, "INSERT", "found_by")
		one.MustNote("c1", "asthma")
		one.Await("a warning", func(s agent.Status) bool { return s.Index != nil && one.warned("index-stopped") })
		mend()
		time.Sleep(time.Minute)
		if s := one.Now(); s.Index != nil || one.warned("index-stopped") {
			t.Errorf("the index is %+v, the warnings are %v", s.Index, s.Warnings)
		}
		one.online()
		w.settled()
	})
}

// Whoever does not want to wait until the change before is shown does not: nothing is written.
func TestAChangeThatIsNotWaitedFor(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	one.MustNote("c0", "asthma")
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Need(t.Context(), "p1"); err != nil { // it is shown
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(one.Config.Data, agent.ProjectionFile)+"?_txlock=immediate&_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	first := one.MustNote("c1", "asthma") // its patient is known
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = one.Write(ctx, agent.Draft{Record: agenttest.Condition("c2"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c2", "gout")})
	if !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "wait until the change before is shown") && !strings.Contains(err.Error(), "wait for another change of this desk") {
		t.Errorf("got %v; want that it was not waited for", err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	second := one.MustNote("c2", "flu")
	if n := one.Now().Outbox; n != 2 {
		t.Errorf("%d are queued, want the two that were accepted", n)
	}
	for id, w := range map[string]agent.Written{"c1": first, "c2": second} {
		shows(t, one, id, w.ID)
	}
}

// shows is that a desk shows a version of a condition.
func shows(t *testing.T, d *agenttest.Desk, condition string, want events.ID) {
	t.Helper()
	state, err := d.Records().Record(t.Context(), agenttest.Condition(condition))
	if err != nil || state.Shown.Event.ID != want {
		t.Errorf("%s of %s is not shown: %v", want, condition, err)
	}
}

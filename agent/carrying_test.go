package agent_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// breakProjection lets the projection of a running desk take nothing in any more.
func breakProjection(t *testing.T, d *agenttest.Desk) (mend func()) {
	t.Helper()
	return breakTable(t, d, agent.ProjectionFile, "INSERT", "event")
}

// breakTable lets one kind of change of a table fail, in a file of a running desk, as on a
// disk that is full.
func breakTable(t *testing.T, d *agenttest.Desk, file, change, table string) (mend func()) {
	t.Helper()
	run := func(text string) {
		t.Helper()
		db, err := sql.Open("sqlite", filepath.Join(d.Config.Data, file)+"?_pragma=busy_timeout(5000)")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE TRIGGER broken BEFORE " + change + " ON " + table + " BEGIN SELECT RAISE(ABORT, 'broken'); END")
	return func() { run("DROP TRIGGER broken") }
}

// A change that the projection cannot take in is sent all the same where there is a
// server: it is safe there, and this desk says that it cannot show it.
func TestOnlineWithABrokenProjection(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	one.MustNote("c1", "asthma")
	if err := one.Prove(t.Context()); err != nil { // it has read its own change
		t.Fatal(err)
	}
	mend := breakProjection(t, one)
	written, err := one.Note("c2", "gout")
	if err != nil || written.Queued() {
		t.Fatalf("got %+v, %v; want it on the server", written, err)
	}
	if !slices.ContainsFunc(one.Now().Warnings, func(w agent.Warning) bool { return w.Code == "projection-failed" }) {
		t.Error("nobody is told that this desk cannot show it")
	}
	mend()
	one.AwaitVersion(agenttest.Condition("c2"), written.ID)
	one.AwaitGreen()
	one.MustNote("c3", "flu")
}

// Offline it is safe in the outbox, and this desk says that it cannot show it. The next change
// is made on top of it.
func TestOfflineWithABrokenProjection(t *testing.T) {
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	one.MustNote("c1", "asthma")
	one.AwaitGreen()
	if err := one.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
	mend := breakProjection(t, one)
	written, err := one.Note("c2", "gout")
	if err != nil || !written.Queued() {
		t.Fatalf("got %+v, %v; want it in the outbox", written, err)
	}
	if _, err := one.Note("c3", "flu"); err == nil {
		t.Error("another change was made, and the one before cannot be seen")
	}
	if s := one.Now(); s.Outbox != 1 || !slices.ContainsFunc(s.Warnings, func(w agent.Warning) bool { return w.Code == "projection-failed" }) {
		t.Errorf("%d queued, warnings %v; want one, and that it cannot be shown", s.Outbox, s.Warnings)
	}
	mend()
	one.MustNote("c3", "flu")
	if state, err := one.Store().Record(t.Context(), agenttest.Condition("c2")); err != nil || state.Shown.Event.ID != written.ID {
		t.Errorf("the change is not shown: %v", err)
	}
	if err := one.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.AwaitGreen()
}

// Whoever shuts a desk out sees first what this one could not show before, as whoever makes
// any other change does.
func TestRevokingShowsFirst(t *testing.T) {
	p := newPractice(t)
	one, two := p.desk("one"), p.desk("two")
	two.AwaitGreen()
	one.AwaitGreen()
	mend := breakProjection(t, one)
	written, err := one.Note("c1", "asthma")
	mend()
	if err != nil {
		t.Fatal(err)
	}
	one.Await("the revocation", func(agent.Status) bool { // the reading may have met what was broken, and begin anew
		_, _, err = one.RevokeDevice(t.Context(), "two", "dr-one")
		return !errors.Is(err, events.ErrOffline)
	})
	if err != nil {
		t.Fatal(err)
	}
	if state, err := one.Store().Record(t.Context(), agenttest.Condition("c1")); err != nil || state.Shown.Event.ID != written.ID {
		t.Errorf("the change is not shown: %v", err)
	}
	if slices.ContainsFunc(one.Now().Warnings, func(w agent.Warning) bool { return w.Code == "projection-failed" }) {
		t.Error("it is said that a change cannot be shown, and all are")
	}
}

// A session fails, as by a disk that was full for a moment, or the program has only just begun: the server is there, and
// whoever revokes a desk then waits for the next session. By choice, or without a server, nothing is waited for in vain, and why is said.
func TestRevokingWaitsForTheNextSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		three := w.desk("three")
		w.settled()
		revoke := func(device string) error {
			_, _, err := one.RevokeDevice(t.Context(), device, "dr-one")
			return err
		}
		mend := breakProjection(t, one.Desk)
		two.notes(1)
		one.AwaitOffline()
		mend()
		if err := revoke("two"); err != nil {
			t.Errorf("after a session that failed: %v", err)
		}
		two.stop()
		one.offline()
		if err := revoke("three"); !errors.Is(err, events.ErrOffline) || !strings.Contains(err.Error(), "you chose to work offline") {
			t.Errorf("offline by choice: %v", err)
		}
		one.online()
		w.settled()
		one.fault((*memlog.Log).Cut)
		one.AwaitOffline()
		if err := revoke("three"); !errors.Is(err, events.ErrOffline) || !strings.Contains(err.Error(), "no connection to the server") {
			t.Errorf("without a server: %v", err)
		}
		one.mend()
		one.stop()
		one.start()
		if err := revoke("three"); err != nil {
			t.Errorf("just after the start: %v", err)
		}
		three.stop()
		w.settled()
	})
}

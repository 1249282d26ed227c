package agent_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// loseOutbox deletes outbox.db; the machine must be off.
func (m *machine) loseOutbox() {
	m.world.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(m.Config.Data, agent.OutboxFile+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.world.t.Fatal(err)
		}
	}
}

// putBackOutbox takes outbox.db out of an older copy of the files; the machine must be off.
func (m *machine) putBackOutbox(from string) {
	m.world.t.Helper()
	m.loseOutbox()
	for _, suffix := range []string{"", "-wal"} {
		copyFile(m.world.t, filepath.Join(from, agent.OutboxFile+suffix), filepath.Join(m.Config.Data, agent.OutboxFile+suffix))
	}
}

// newPatient writes a record of a patient whose key is made with it.
func (m *machine) newPatient(id string) events.ID {
	m.world.t.Helper()
	w, err := m.Write(m.world.t.Context(), agent.Draft{
		Record: agenttest.Condition(id), Patient: "p-" + id, Author: "dr-" + m.Name, Body: agenttest.Body(id, "of a new patient"),
	})
	if err != nil {
		m.world.t.Fatal(err)
	}
	return w.ID
}

// undoubted checks that no desk doubts anything of what it has.
func (w *world) undoubted() {
	w.t.Helper()
	for _, m := range w.desks {
		if doubts := m.Now().Doubts; m.running() && len(doubts) != 0 {
			w.t.Errorf("desk %s doubts %v", m.Name, doubts)
		}
	}
}

func TestScenario12_TheOutboxIsLostAndTheLocalCopyIsNot(t *testing.T) {
	cases := map[string]struct {
		before func(one *machine) []events.ID // while an older copy is made: what stands in its outbox
		lose   func(one *machine, older string)
		more   bool // is written before the server is back
	}{
		"it is gone": {nil, func(m *machine, _ string) { m.loseOutbox() }, false},
		"it is gone, and more is written offline": {nil, func(m *machine, _ string) { m.loseOutbox() }, true},
		"an older one is there":                   {nil, (*machine).putBackOutbox, false},
		"an older one is there with a queue": {func(m *machine) []events.ID {
			return []events.ID{m.newPatient("old"), m.MustNote("old2", "queued when the copy was made").ID}
		}, (*machine).putBackOutbox, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.notes(2)
				w.settled()
				var ids []events.ID
				if c.before != nil {
					one.offline()
					ids = c.before(one)
				}
				synctest.Wait()
				older := one.copyData()
				one.online()
				w.settled()
				ids = append(ids, one.MustNote("between", "is on the server").ID)
				w.settled()

				one.fault((*memlog.Log).Cut)
				one.AwaitOffline()
				first := one.newPatient("n1")
				ids = append(ids, first, one.MustNote("n2", "second").ID, one.MustNote("n1x", "third").ID)
				one.kill()
				c.lose(one, older)
				one.start()
				if n := one.Now().Outbox; n < 3 {
					t.Errorf("%d changes are queued after the start, want the 3 at least that the server does not have", n)
				}
				if c.more {
					ids = append(ids, one.MustNote("n2", "on top of what was put back").ID, one.newPatient("n4"))
					time.Sleep(time.Minute)
					one.kill()
					one.start()
				}
				one.online() // an older outbox has the older choice
				one.mend()
				w.settled()
				w.once(ids...)
				w.undoubted()
				w.agreed()
				if one.warned("device-restored") {
					t.Error("the desk says that its numbers were given away")
				}
				ids = append(ids, one.MustNote("n2", "and goes on").ID)
				w.settled()
				w.once(ids...)
				w.undoubted()
				w.agreed()
			})
		})
	}
}

// Two folders run with one enrolment. The first one's file is whole, and it does not say that it
// was missing: it says what happened.
func TestAnEnrolmentThatIsUsedTwiceIsSaid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.notes(2)
		w.settled()
		twin := w.machine("twin")
		twin.Name, twin.Config.Enrolment = one.Name, one.Config.Enrolment
		twin.start()
		w.settled()
		id := twin.MustNote("c9", "in the name of the first").ID
		w.settled()
		one.stop()
		one.start()
		if one.warned("outbox-restored") || !one.warned("enrolment-shared") {
			t.Errorf("the desk does not say that its enrolment is used twice: %v", one.Now().Warnings)
		}
		w.settled()
		w.once(id, one.MustNote("c8", "goes on").ID)
	})
}

// What the outbox would have found in the log it does not send again.
func TestScenario12_TheOutboxIsLostWithWhatTheServerHas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		w.settled()
		one.fault((*memlog.Log).CutAfterStoring)
		ids := one.notes(1) // stored, and nobody here knows
		one.AwaitOffline()
		ids = append(ids, one.MustNote("more", "not stored").ID)
		one.kill()
		one.loseOutbox()
		one.mend()
		one.start()
		w.settled()
		w.once(ids...)
		w.undoubted()
		w.agreed()
	})
}

// What was set aside is sent again with new numbers: its stub has the old one.
func TestScenario12_TheOutboxIsLostWithWhatWasSetAside(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.offline()
		bad := one.MustNote("c1", "refused")
		good := one.MustNote("c2", "fine")
		w.server.Refuse(func(m events.Message) bool { id, _ := m.Peek(); return id == bad.ID.String() })
		one.online()
		one.Await("that it is set aside", func(s agent.Status) bool { return s.SetAside == 1 && s.Outbox == 0 })
		one.kill()
		one.loseOutbox()
		one.start()
		one.Await("that it is set aside again", func(s agent.Status) bool { return s.SetAside == 1 && s.Outbox == 0 })
		w.server.Refuse(nil)
		if err := one.Retry(t.Context(), bad.ID); err != nil {
			t.Fatal(err)
		}
		w.settled()
		w.once(bad.ID, good.ID)
		w.undoubted()
		w.agreed()
	})
}

// Both files are gone: what was not on the server nobody can know of, and the desk does not
// say that nothing is lost.
func TestScenario12_BothFilesAreLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		ids := one.notes(2)
		w.settled()
		one.fault((*memlog.Log).Cut)
		one.AwaitOffline()
		one.MustNote("gone", "with the disk")
		one.kill()
		one.loseOutbox()
		one.loseProjection()
		one.mend()
		one.start()
		w.settled()
		for _, warning := range one.Now().Warnings {
			if strings.Contains(warning.Text, "nothing is lost") {
				t.Errorf("the desk says: %s", warning.Text)
			}
		}
		ids = append(ids, one.MustNote("c9", "goes on").ID)
		w.settled()
		w.once(ids...)
		w.undoubted()
		w.agreed()
	})
}

// What is damaged in the local copy as well cannot be sent: the desk says of which records,
// is never green, and lets nobody build on it.
func TestScenario12_TheOutboxIsLostAndTheLocalCopyIsDamaged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		one.fault((*memlog.Log).Cut)
		one.AwaitOffline()
		bad, good := one.MustNote("c2", "damaged"), one.MustNote("c1", "whole")
		one.kill()
		one.loseOutbox()
		one.alter("UPDATE event SET author = 'somebody' WHERE id = ?", bad.ID[:])
		one.mend()
		one.start()
		two.AwaitVersion(agenttest.Condition("c1"), good.ID)
		one.Await("that it says what it cannot send", func(s agent.Status) bool {
			return s.Color == light.Synchronising && strings.Contains(s.Reason, "cannot be sent")
		})
		i := slices.IndexFunc(one.Now().Warnings, func(w agent.Warning) bool { return w.Code == "changes-unsent" })
		if i < 0 || !strings.Contains(one.Now().Warnings[i].Text, agenttest.Condition("c2").String()) || strings.Contains(one.Now().Warnings[i].Text, "c1") {
			t.Errorf("the desk warns %+v, want the one record that it cannot send", one.Now().Warnings)
		}
		if _, err := one.Note("c2", "on top"); !errors.Is(err, agent.ErrDisk) {
			t.Errorf("a change of what cannot be sent: %v, want an error of the disk", err)
		}
		w.once(good.ID)
		// As it says: without the local copy it is as the others, and the record can be entered again.
		one.kill()
		one.loseProjection()
		one.start()
		w.settled()
		again := one.MustNote("c2", "entered again")
		w.settled()
		w.once(good.ID, again.ID)
		w.texts("c1", "whole")
		w.texts("c2", "entered again")
		w.undoubted() // and an audit finds that a number of the device is missing, which is true
	})
}

// alter changes record.db behind the desk's back; the machine must be off.
func (m *machine) alter(statement string, args ...any) {
	m.world.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(m.Config.Data, agent.ProjectionFile))
	if err == nil {
		_, err = db.Exec(statement, args...)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		m.world.t.Fatal(err)
	}
}

package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// newPatient is a draft for which a key has to be made.
func newPatient(id string) agent.Draft {
	return agent.Draft{Record: events.Record{Type: "Patient", ID: id}, Patient: id, Author: "dr-one",
		Body: fmt.Appendf(nil, `{"resourceType":"Patient","id":%q}`, id)}
}

// Neither file takes anything just when a change is given up: the change is in the outbox
// still, so nothing overtakes it, and it goes to the server when the disk has room.
func TestAChangeThatCannotBeTakenBackIsSent(t *testing.T) {
	for name, write := range map[string]func(*machine) error{
		"alone": func(one *machine) error {
			_, err := one.Write(context.Background(), newPatient("pat-new"))
			return err
		},
		"in a transaction": func(one *machine) error {
			_, err := one.Transact(context.Background(), these(newPatient("pat-new"), newPatient("pat-other")))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, two := w.two()
				keys, queue := breakTable(t, one.Desk, agent.ProjectionFile, "INSERT", "wrapped_key"), breakTable(t, one.Desk, agent.OutboxFile, "DELETE", "queue")
				if err := write(one); err == nil {
					t.Fatal("it was written without its key")
				}
				if s := one.Now(); s.Color == light.Online && s.Outbox > 0 {
					t.Errorf("the light is green with %d queued", s.Outbox)
				}
				keys()
				queue()
				second := one.MustNote("c1", "comes after it")
				w.settled()
				w.once(second.ID)
				if _, err := two.Store().Record(t.Context(), newPatient("pat-new").Record); err != nil {
					t.Errorf("what was in the outbox: %v", err)
				}
				w.agreed()
			})
		})
	}
}

// Many changes that are made at once on top of one that cannot be shown are refused as one alone
// is, and nothing of them is left.
func TestManyThatCannotBeShownAreRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.offline()
		one.MustNote("c0", "before")
		mend := breakProjection(t, one.Desk)
		first := one.MustNote("c1", "first")
		_, err := one.WriteMany(t.Context(), []agent.Draft{
			{Record: agenttest.Condition("c1"), Patient: "p1", Author: "dr-one", Parents: []events.ID{first.ID}, Body: agenttest.Body("c1", "second")},
			{Record: agenttest.Condition("c2"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c2", "other")},
		})
		mend()
		if queued := one.Now().Outbox; err == nil || queued != 2 {
			t.Errorf("%v, and %d are queued", err, queued)
		}
		one.MustNote("c1", "third")
		one.online()
		w.settled()
		w.texts("c1", "third")
		w.texts("c2")
		w.agreed()
	})
}

// A change is not shown, and nobody knows whether the server has it: the next change of the
// same record goes on top of it all the same.
func TestWhatIsNotShownIsBuiltOn(t *testing.T) {
	for name, write := range map[string]func(*machine) error{
		"alone": func(one *machine) error {
			_, err := one.Note("c1", "second")
			return err
		},
		"in a transaction": func(one *machine) error {
			_, err := one.Transact(context.Background(), these(
				agent.Draft{Record: agenttest.Condition("c1"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c1", "second")},
				agent.Draft{Record: agenttest.Condition("c2"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c2", "other")}))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one, _ := w.two()
				one.MustNote("c1", "first")
				w.settled()
				one.fault((*memlog.Log).CutOutgoing)
				mend := breakProjection(t, one.Desk)
				err := write(one)
				mend()
				if err != nil {
					t.Fatal(err)
				}
				one.MustNote("c1", "third")
				one.mend()
				w.settled()
				w.texts("c1", "third")
				w.agreed()
			})
		})
	}
}

// What a desk holds is for the user of the PC alone, also where an older carelog made the file.
func TestOnlyTheOwnerReadsTheData(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such rights")
	}
	one := newPractice(t).desk("one")
	for _, name := range []string{agent.ProjectionFile, agent.OutboxFile} {
		info, err := os.Stat(filepath.Join(one.Config.Data, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v; want that only its owner reads it", name, info, err)
		}
	}
}

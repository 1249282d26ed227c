package agent_test

import (
	"context"
	"errors"
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

// The projection does not take the key of a new patient. Key and change are in the outbox by then,
// and a push may have sent both: the change stands, also where the outbox gives nothing back, and
// the key is kept as soon as it can be, before any other change.
func TestAKeyThatCannotBeKeptTakesNothingBack(t *testing.T) {
	for name, write := range map[string]func(*machine) error{
		"alone": func(one *machine) error {
			_, err := one.Write(context.Background(), newPatient("pat-new"))
			return err
		},
		"in a transaction": func(one *machine) error {
			_, err := one.Transact(context.Background(), these(newPatient("pat-new"), newPatient("pat-other")))
			return err
		},
		"among many": func(one *machine) error {
			outcomes, err := one.WriteMany(context.Background(), []agent.Draft{newPatient("pat-new"), newPatient("pat-other")})
			for _, o := range outcomes {
				err = errors.Join(err, o.Err)
			}
			return err
		},
	} {
		for line, offline := range map[string]bool{"online": false, "offline": true} {
			t.Run(name+" "+line, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					one, two := w.two()
					if offline {
						one.offline()
					}
					keys, queue := breakTable(t, one.Desk, agent.ProjectionFile, "INSERT", "wrapped_key"), breakTable(t, one.Desk, agent.OutboxFile, "DELETE", "queue")
					if err := write(one); err != nil {
						t.Fatalf("it was refused, and may have been sent: %v", err)
					}
					if s := one.Now(); s.Color == light.Online && s.Outbox > 0 {
						t.Errorf("the light is green with %d queued", s.Outbox)
					}
					if _, err := one.Note("c1", "too early"); err == nil {
						t.Error("another change was made, and the key of the one before is not kept")
					}
					keys()
					queue()
					second := one.MustNote("c1", "comes after it")
					kept := false
					for k, err := range one.Store().Keys(t.Context()) {
						kept = kept || err == nil && k.Patient == "pat-new"
					}
					if !kept {
						t.Error("the projection has no key of the patient, and takes every change")
					}
					one.online()
					w.settled()
					w.once(second.ID)
					if _, err := two.Store().Record(t.Context(), newPatient("pat-new").Record); err != nil {
						t.Errorf("the other desk: %v", err)
					}
					w.agreed()
				})
			})
		}
	}
}

// Many changes that are made at once on top of one that cannot be shown are refused as one alone
// is, and nothing of them is left.
func TestManyThatCannotBeShownAreRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, _ := w.two()
		one.offline()
		one.MustNote("c0", "before")
		if err := one.Store().Await(t.Context()); err != nil { // that one is shown
			t.Fatal(err)
		}
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

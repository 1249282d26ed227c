package agent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// uncounting is a line to a server whose account is of an earlier version, which does not let a
// desk ask for the state of the keys.
type uncounting struct {
	agent.Log
	refuses *atomic.Bool
}

func (l uncounting) KeyState(ctx context.Context) (events.KeyState, error) {
	if l.refuses.Load() {
		return events.KeyState{}, &events.RefusedError{Reason: "permissions violation"}
	}
	return l.Log.KeyState(ctx)
}

// keyed are the patients of whom the server has a key.
func (w *world) keyed() (patients []string) {
	w.t.Helper()
	for k, err := range w.server.Client("auditor").Keys(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.HasPrefix(k.Patient, "pat-") {
			patients = append(patients, k.Patient)
		}
	}
	slices.Sort(patients)
	return slices.Compact(patients)
}

// A server that lost a part of its log and does not say which keys were erased gets only those
// back that what it lost is sealed by. When it says so, it gets the others, and no erased one.
func TestAnErasedKeyIsNotGivenToAServerThatDoesNotSay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var refuses atomic.Bool
		refuses.Store(true)
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return uncounting{l, &refuses} }
		one.start()
		w.settled()
		write := func(i int) {
			t.Helper()
			if _, err := one.Write(t.Context(), newPatient(fmt.Sprint("pat-", i))); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 4 {
			write(i)
		}
		w.settled()
		w.server.EraseKeys("pat-1")
		backup := uint64(len(w.server.Stored()))
		write(4)
		w.settled()
		w.server.LoseKeys("pat-2")
		w.server.RollBack(backup)
		look := func(what string, want ...string) {
			t.Helper()
			time.Sleep(time.Minute)
			w.settled()
			if diff := cmp.Diff(want, w.keyed()); diff != "" {
				t.Errorf("%s: the server has other keys (-want +got):\n%s", what, diff)
			}
			uncounted := slices.ContainsFunc(one.Now().Warnings, func(w agent.Warning) bool { return w.Code == "keys-uncounted" })
			if uncounted != refuses.Load() {
				t.Errorf("%s: the warning stands: %v", what, uncounted)
			}
		}
		look("refused", "pat-0", "pat-3", "pat-4")
		refuses.Store(false)
		look("provisioned", "pat-0", "pat-2", "pat-3", "pat-4")
		refuses.Store(true)
		w.server.RollBack(backup - 2) // what is remembered as erased needs no word of the server
		look("refused again", "pat-0", "pat-2", "pat-3", "pat-4")
	})
}

package agent_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// Whoever opens a dossier while the keys of the practice come, one by one, does not wait for all of them.
func TestTheKeyOfAnOpenedDossierComesFirst(t *testing.T) {
	for with, every := range map[string]int{"snapshot": every, "replay": -1} {
		inWorld(t, func(t *testing.T, w *world) {
			one := filled(t, w)
			for i := range 10 {
				one.register(fmt.Sprintf("k%d", i))
			}
			two := w.machine("two").snapshots(every)
			two.wrap = func(l *memlog.Log) agent.Log { return slow{Log: l, keys: time.Minute} }
			two.start()
			synctest.Wait()
			began := time.Now()
			state, err := two.Records().Record(t.Context(), events.Record{Type: "Patient", ID: "k9"})
			took := time.Since(began)
			if err != nil || state.Shown.Body == nil || took > worldPatience {
				t.Errorf("%s: after %v the patient is %q, %v", with, took, state.Shown.Body, err)
			}
			synctest.Wait() // what left it the line has gone on
			if s := two.Now(); s.Reason != "fetching the keys of the dossiers" {
				t.Errorf("%s: the other keys are here as well: %s", with, s.Reason)
			}
			w.settled()
			w.agreed()
		})
	}
}

package memlog_test

import (
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/broker/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a memlog.Server as the conformance suite wants it.
type world struct {
	*memlog.Server
	t    *testing.T
	mark uint64
}

type device struct {
	*memlog.Log
	t *testing.T
}

func (w *world) Device(name string) logtest.Device { return device{w.Client(name), w.t} }
func (w *world) Mark()                             { w.mark = uint64(len(w.Server.Stored())) }
func (w *world) RollBack()                         { w.Server.RollBack(w.mark) }

// Await has nothing to wait for: a memlog's line changes at once.
func (d device) Await(connected bool) {
	d.t.Helper()
	if d.Connected() != connected {
		d.t.Fatalf("connected is %v, want %v", !connected, connected)
	}
}

func TestConformance(t *testing.T) {
	logtest.Run(t, func(t *testing.T, test func(*testing.T, logtest.World)) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{Server: memlog.NewServer(logtest.Practice), t: t}
			test(t, w)
			if err := w.Check(); err != nil {
				t.Error(err)
			}
		})
	})
}

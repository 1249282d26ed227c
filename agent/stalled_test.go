package agent_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
)

// Where the server refuses a change that names no version, and sends nothing of what it has
// instead, the change is queued after the patience: its author is not kept waiting for a read
// that does not come, and is not told that somebody else was faster.
func TestRefusedWhileNothingIsRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var still, uploads atomic.Bool
		one, two := w.machine("one"), w.desk("two")
		one.wrap = func(l *memlog.Log) agent.Log { return gate{l, &uploads, &still} }
		one.start()
		w.settled()
		one.MustNote("c", "first")
		w.settled()
		still.Store(true)
		two.MustNote("c", "second")
		began := time.Now()
		written, err := one.Write(context.Background(), agent.Draft{Record: agenttest.Condition("c"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c", "third")})
		if err != nil || !written.Queued() {
			t.Errorf("got %+v, %v; want it queued", written, err)
		}
		if took := time.Since(began); took > 2*worldPatience {
			t.Errorf("it took %v", took)
		}
		still.Store(false)
		w.settled()
		if texts := two.Texts("c"); len(texts) != 2 {
			t.Errorf("both stand, for a person to choose: got %v", texts)
		}
	})
}

package agent_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
)

// Where the server refuses a change that names no version, and sends nothing of what it has
// instead, the change is queued after the patience: its author is not kept waiting for a read
// that does not come, and is not told that somebody else was faster.
func TestRefusedWhileNothingIsRead(t *testing.T) {
	draft := func() agent.Draft {
		return agent.Draft{Record: agenttest.Condition("c"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c", "third")}
	}
	for name, write := range map[string]func(*machine) (agent.Written, error){
		"alone": func(one *machine) (agent.Written, error) { return one.Write(context.Background(), draft()) },
		"in a transaction": func(one *machine) (agent.Written, error) {
			other := draft()
			other.Record, other.Body = agenttest.Condition("d"), agenttest.Body("d", "beside it")
			list, err := one.Transact(context.Background(), func(context.Context) ([]agent.Draft, error) { return []agent.Draft{draft(), other}, nil })
			if err != nil {
				return agent.Written{}, err
			}
			return list[0], nil
		},
	} {
		t.Run(name, func(t *testing.T) { refusedWhileNothingIsRead(t, write) })
	}
}

func refusedWhileNothingIsRead(t *testing.T, write func(*machine) (agent.Written, error)) {
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
		written, err := write(one)
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

// Who chooses to work online and does already keeps the line: it is not cut under what is read
// and written just then.
func TestOnlineAlready(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var lines atomic.Int32
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { lines.Add(1); return l }
		one.start()
		w.settled()
		if err := one.WorkOnline(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if one.Now().Color != light.Online || lines.Load() != 1 {
			t.Errorf("the light is %s after %d connections", one.Now().Color, lines.Load())
		}
	})
}

// A change that waits for the log to be read is queued as soon as the session is over: from then
// on nobody reads it.
func TestSessionEndsUnderAWrite(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.machine("one"), w.desk("two")
		_, still := one.gated()
		one.start()
		w.settled()
		one.MustNote("c", "first")
		w.settled()
		still.Store(true)
		two.MustNote("c", "second")
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			written, err := one.Write(context.Background(), agent.Draft{Record: agenttest.Condition("c"), Patient: "p1", Author: "dr-one", Body: agenttest.Body("c", "third")})
			if err != nil || !written.Queued() {
				t.Errorf("got %+v, %v; want it queued", written, err)
			}
		}()
		synctest.Wait()
		still.Store(false)
		one.fault((*memlog.Log).Cut)
		<-done
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		one.mend()
		w.settled()
	})
}

// A server that takes back what it lost, and then sends none of it, does not keep the desk
// waiting for ever: it begins anew.
func TestHealingDoesNotWaitForEver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.machine("one")
		_, still := one.gated()
		one.start()
		w.settled()
		ids := one.notes(3)
		w.settled()
		still.Store(true)
		w.server.Wipe()
		time.Sleep(5 * time.Minute)
		still.Store(false) // for whoever asks from now on
		w.settled()
		w.once(ids...)
		w.agreed()
	})
}

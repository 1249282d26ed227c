package agent_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// counter counts the keys that a desk is given.
type counter struct {
	agent.Log
	keys *atomic.Int64
}

func (l counter) KeysAfter(ctx context.Context, read events.KeyMark, take func([]events.WrappedKey, events.KeyMark) error) error {
	return l.Log.KeysAfter(ctx, read, func(keys []events.WrappedKey, now events.KeyMark) error {
		l.keys.Add(int64(len(keys)))
		return take(keys, now)
	})
}

// A log-in reads the keys that are new, and all of them from a server that lost what it had.
func TestALogInReadsNewKeysOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		one.MustNote("c1", "asthma")
		w.settled()
		var keys atomic.Int64
		two := w.machine("two")
		two.wrap = func(l *memlog.Log) agent.Log { return counter{l, &keys} }
		two.start()
		w.settled()
		all := keys.Swap(0)
		if all == 0 {
			t.Error("the first log-in read no keys")
		}
		again := func(what string, want int64) {
			t.Helper()
			two.stop()
			two.start()
			w.settled()
			if n := keys.Swap(0); n != want {
				t.Errorf("%s: %d keys were read, want %d", what, n, want)
			}
			w.texts("c1", "asthma")
		}
		again("the one that it made itself, which it read since", 0)
		again("nothing new", 0)
		if _, err := one.Write(t.Context(), agent.Draft{
			Record: events.Record{Type: "Patient", ID: "pat-new"}, Patient: "pat-new", Author: "practitioner-1",
			Body: []byte(`{"resourceType":"Patient","id":"pat-new"}`),
		}); err != nil {
			t.Fatal(err)
		}
		two.stop()
		w.settled()
		again("a new patient", 1)
		again("nothing new after it", 0)

		two.stop()
		w.server.Wipe()
		w.settled()
		two.start()
		w.settled()
		if n := keys.Swap(0); n < all {
			t.Errorf("%d keys were read of a server that was wiped, want all %d that it got back", n, all)
		}
		again("nothing new after the loss", 0)
		w.agreed()
	})
}

// gatedKeys is a line to a server that takes its time for keys.
type gatedKeys struct {
	agent.Log
	takes <-chan struct{}
}

func (l gatedKeys) PutKey(ctx context.Context, k events.WrappedKey) error {
	<-l.takes
	return l.Log.PutKey(ctx, k)
}

// The key of a new patient is made before the content of a change is kept, and the change comes later. If a proof comes between
// the two, the key goes to the server, and the change is sent as it would be otherwise.
func TestAProofBetweenAKeyAndItsChange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		takes := make(chan struct{})
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return gatedKeys{l, takes} }
		open := sync.OnceFunc(func() { close(takes) })
		defer open()
		time.AfterFunc(time.Second, func() { takes <- struct{}{} }) // the practice's own
		one.start()
		w.settled()
		if err := one.NeedKey(t.Context(), "pat-new"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(worldInterval)
		synctest.Wait()
		var writing sync.WaitGroup
		writing.Go(func() {
			if written, err := one.Write(t.Context(), newPatient("pat-new")); err != nil || written.Queued() {
				t.Errorf("it is queued: %v, %v", written.Queued(), err)
			}
		})
		synctest.Wait()
		open()
		writing.Wait()
		w.settled()
		w.agreed()
	})
}

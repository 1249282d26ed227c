package agent_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// barred is a line to a server that takes no key of one patient for as long as it refuses.
type barred struct {
	agent.Log
	patient string
	refuses *atomic.Bool
}

func (l barred) PutKey(ctx context.Context, k events.WrappedKey) error {
	if k.Patient == l.patient && l.refuses.Load() {
		return &events.RefusedError{Reason: "the bucket takes no more"}
	}
	return l.Log.PutKey(ctx, k)
}

func (l barred) PutKeys(ctx context.Context, keys []events.WrappedKey) error {
	for _, k := range keys {
		if k.Patient == l.patient && l.refuses.Load() {
			return &events.RefusedError{Reason: "the bucket takes no more"}
		}
	}
	return l.Log.PutKeys(ctx, keys)
}

var stranger = newPatient("pat-new")

// barredDesk adds a desk whose server takes no key of the new patient while refuses.
func (w *world) barredDesk(name string, refuses *atomic.Bool) *machine {
	w.t.Helper()
	m := w.machine(name)
	m.wrap = func(l *memlog.Log) agent.Log { return barred{l, stranger.Patient, refuses} }
	m.start()
	return m
}

// owesKey waits for what a desk does within a minute, and checks that it says of a key that
// nobody else has it, and that its light is not green.
func (m *machine) owesKey(what string) {
	t := m.world.t
	t.Helper()
	time.Sleep(time.Minute)
	s := m.Now()
	if s.Color != light.Synchronising || s.Outbox != 0 {
		t.Errorf("%s: the light is %v (%s) with %d queued; want it not to be green, and nothing else to wait", what, s.Color, s.Reason, s.Outbox)
	}
	if !slices.ContainsFunc(s.Warnings, func(w agent.Warning) bool { return w.Code == "key-refused" }) {
		t.Errorf("%s: nobody is told: %v", what, s.Warnings)
	}
}

// paidKey waits until all is green, and checks that every desk can read the new patient.
func (w *world) paidKey() {
	w.t.Helper()
	w.settled()
	time.Sleep(time.Minute) // the others look now and then for keys that came late
	w.settled()
	for _, m := range w.desks {
		s := m.Now()
		if i := slices.IndexFunc(s.Warnings, func(w agent.Warning) bool { return w.Code == "key-refused" }); i >= 0 {
			w.t.Errorf("desk %s still says: %s", m.Name, s.Warnings[i].Text)
		}
		state, err := m.Store().Record(w.t.Context(), stranger.Record)
		if err != nil || string(state.Shown.Body) != string(stranger.Body) {
			w.t.Errorf("desk %s reads %q, %v; want the patient", m.Name, state.Shown.Body, err)
		}
	}
	w.agreed()
}

// A key that the server refuses is on this desk alone, and with it all that is sealed by it:
// the light is not green before the server has it, however often the desk starts, and
// whatever happens to record.db.
func TestARefusedKeyIsOwed(t *testing.T) {
	for name, offline := range map[string]bool{"online": false, "queued": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var refuses atomic.Bool
				refuses.Store(true)
				one := w.barredDesk("one", &refuses)
				w.desk("two")
				w.settled()
				if offline {
					if err := one.WorkOffline(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := one.Write(t.Context(), stranger); err != nil {
					t.Fatal(err)
				}
				one.MustNote("c1", "asthma")
				if offline {
					if err := one.WorkOnline(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				one.owesKey("after the refusal")
				one.kill()
				one.start()
				one.owesKey("after a kill")
				one.stop()
				one.loseProjection()
				one.start()
				one.owesKey("without its record.db")
				one.MustNote("c2", "gout") // others are not kept waiting
				refuses.Store(false)
				w.paidKey()
				w.texts("c1", "asthma")
				w.texts("c2", "gout")
			})
		})
	}
}

// Whoever wrote sees at once that nobody else can read it, and not at the next proof.
func TestTheLightIsNotGreenFromTheRefusalOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var refuses atomic.Bool
		refuses.Store(true)
		one := w.barredDesk("one", &refuses)
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		if s := one.Now(); s.Color == light.Online {
			t.Errorf("the light is %v (%s)", s.Color, s.Reason)
		}
		refuses.Store(false)
		w.paidKey()
	})
}

// A server that lost a key and does not take it back leaves it with the desks alone, too.
func TestAKeyThatIsNotTakenBackIsOwed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var refuses atomic.Bool
		one := w.barredDesk("one", &refuses)
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		w.settled()
		refuses.Store(true)
		w.server.Wipe()
		one.owesKey("after the healing")
		one.stop()
		one.start()
		one.owesKey("after a start")
		refuses.Store(false)
		w.desk("two")
		w.paidKey()
	})
}

// slowKeys is a line on which the next keys wait to be let go, and which knows whether an event
// came before the key of its patient.
type slowKeys struct {
	barred
	next  *atomic.Bool // the next keys are held
	held  chan struct{}
	put   *sync.Map // patients whose keys the server has
	early *atomic.Int64
}

func (l slowKeys) hold() {
	if l.next.Swap(false) {
		<-l.held
	}
}

func (l slowKeys) PutKey(ctx context.Context, k events.WrappedKey) error {
	l.hold()
	err := l.barred.PutKey(ctx, k)
	if err == nil {
		l.put.Store(k.Patient, true)
	}
	return err
}

func (l slowKeys) PutKeys(ctx context.Context, keys []events.WrappedKey) error {
	l.hold()
	err := l.barred.PutKeys(ctx, keys)
	for _, k := range keys {
		if err == nil {
			l.put.Store(k.Patient, true)
		}
	}
	return err
}

func (l slowKeys) AppendAfter(ctx context.Context, m events.Message, after uint64) (uint64, error) {
	if _, has := l.put.Load("pat-2"); !has {
		l.early.Add(1)
	}
	return l.barred.AppendAfter(ctx, m, after)
}

// While refused keys are sent once more, a change sends its own key before itself all the same.
func TestARetryDoesNotTakeAKeyFromItsChange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var refuses, next atomic.Bool
		var put sync.Map
		var early atomic.Int64
		held := make(chan struct{})
		refuses.Store(true)
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log {
			return slowKeys{barred{l, stranger.Patient, &refuses}, &next, held, &put, &early}
		}
		one.start()
		w.desk("two")
		w.settled()
		if _, err := one.Write(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		one.owesKey("after the refusal")
		early.Store(0)
		carry, err := one.Begin(t.Context(), newPatient("pat-2"))
		if err != nil {
			t.Fatal(err)
		}
		next.Store(true)
		retried := make(chan error, 1)
		go func() { retried <- one.RetryKeys(t.Context()) }()
		synctest.Wait()
		if err := carry(); err != nil {
			t.Fatal(err)
		}
		if n := early.Load(); n > 0 {
			t.Error("the change is on the server before the key that it is sealed by")
		}
		close(held)
		if err := <-retried; err != nil {
			t.Error(err)
		}
		refuses.Store(false)
		w.paidKey()
	})
}

package replica_test

import (
	"context"
	"crypto/ed25519"
	"iter"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// held is a log whose messages come when a test lets them, and from which nothing is opened before, where a key is missing.
type held struct {
	*roll
	first     int           // so many come at once
	goOn      chan struct{} // then one more
	asked     chan struct{} // for its key: then the others
	delivered chan struct{} // all were; until then nothing else is opened
	once      sync.Once
}

func (l *held) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for i, m := range l.log {
			switch i {
			case l.first:
				<-l.goOn
			case l.first + 1:
				<-l.asked
			}
			if m.Sequence >= from && !yield(m, nil) {
				return
			}
		}
		close(l.delivered)
		<-ctx.Done()
	}
}

func (l *held) Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	k, err := l.roll.Key(ctx, patient, id)
	if err != nil {
		l.once.Do(func() { close(l.asked) })
		<-l.delivered
	}
	return k, err
}

// The key of a Device record comes after it was judged and before it is in the store: it names a key that
// nobody certified, and is in doubt as on every other desk.
func TestADeviceRecordThatOpensOnItsWay(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	for _, patient := range []string{"pat-1", ""} { // from here on, both are sealed by keys that come later
		p.Ring.Forget(patient)
	}
	log := &held{first: len(p.Log), goOn: make(chan struct{}), asked: make(chan struct{}), delivered: make(chan struct{})}
	early := p.Keys
	one.Write("Condition/a", "pat-1", "what keeps the next two from being looked at until both are here")
	public := p.Stranger("ghost").Key.Public().(ed25519.PublicKey)
	record := one.Make(eventstest.Change{Record: "Device/ghost", Body: string(deviceBody("ghost", public, make([]byte, 64), true))})
	p.Push(record)
	one.Delete("Device/name", "") // by which it is known that the record was judged
	log.roll = &roll{log: p.Log, keys: early}

	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	var batches atomic.Int32
	c.applied = func() error {
		switch batches.Add(1) {
		case 1:
			close(log.goOn)
		case 2:
			for !c.Revoked("name") {
				runtime.Gosched()
			}
			return c.FetchKeys(t.Context(), &roll{keys: p.Keys})
		}
		return nil
	}
	c.followAny(log, len(p.Log), func() {})
	if doubt := c.verdicts()[record.ID]; doubt != projections.DoubtSignature {
		t.Errorf("the record is in doubt as %q", doubt)
	}
}

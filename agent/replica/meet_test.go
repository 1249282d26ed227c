package replica_test

import (
	"context"
	"crypto/ed25519"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// held is a log without some keys, of which a test knows when each is asked for. Behind the first event whose key is
// missing nothing comes before that key was asked for.
type held struct {
	*roll
	first int // the index of that event
	seen  chan struct{}
	once  sync.Once
	asked chan string // the patients of the other missing keys; who asks waits until it was taken note of
}

func (l *held) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m := range l.roll.Read(ctx, from) {
			if m.Sequence == l.log[l.first].Sequence+1 {
				<-l.seen
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (l *held) Key(ctx context.Context, patient string, id events.KeyID) (events.WrappedKey, error) {
	k, err := l.roll.Key(ctx, patient, id)
	if err != nil {
		first := false
		l.once.Do(func() { first = true; close(l.seen) })
		if !first {
			l.asked <- patient
		}
	}
	return k, err
}

// The key of a Device record comes after the record was found not to open, and before it is judged: it names a key that
// nobody certified, and is in doubt as on every other desk.
func TestADeviceRecordThatOpensOnItsWay(t *testing.T) {
	p := eventstest.New(t, deviceBody)
	one := p.Enrol("one")
	for _, patient := range []string{"pat-1", ""} { // from here on, both are sealed by keys that come later
		p.Ring.Forget(patient)
	}
	early, first := p.Keys, len(p.Log)
	before := one.Write("Condition/a", "pat-1", "what is applied while the record is opened")
	public := p.Stranger("ghost").Key.Public().(ed25519.PublicKey)
	record := one.Make(eventstest.Change{Record: "Device/ghost", Body: string(deviceBody("ghost", public, make([]byte, 64), true))})
	p.Push(record)
	one.Write("Condition/b", "pat-2", "when its key is asked for, the record was found not to open")
	log := &held{roll: &roll{log: p.Log, keys: early}, first: first, seen: make(chan struct{}), asked: make(chan string)}

	c := openCopy(t, p, filepath.Join(t.TempDir(), "record.db"))
	defer c.stop()
	opened := false
	c.applied = func(batch []*events.Event) error {
		if opened || !slices.ContainsFunc(batch, func(e *events.Event) bool { return e.ID == before.ID }) {
			return nil
		}
		for _, patient := range []string{"", "pat-2"} { // one after the other, as they stand in the log
			if asked := <-log.asked; asked != patient {
				t.Errorf("the key of %q was asked for, not that of %q", asked, patient)
			}
		}
		opened = true
		return c.FetchKeys(t.Context(), &roll{keys: p.Keys})
	}
	c.followAny(log, len(p.Log), func() {})
	if !opened {
		t.Error("nothing was opened while something else was applied")
	}
	if doubt := c.verdicts()[record.ID]; doubt != projections.DoubtSignature {
		t.Errorf("the record is in doubt as %q", doubt)
	}
}

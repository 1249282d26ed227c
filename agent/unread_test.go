package agent_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
)

// A line that is cut while the key of an event is asked for must not make the event a
// doubtful one: for a new device that would be all that it ever writes.
func TestAKeyThatCannotBeAskedForIsNoDoubt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var cut atomic.Bool
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return keyless{l, &cut} }
		one.start()
		w.settled()
		cut.Store(true)
		two := w.desk("two") // made its own key of the practice before it could fetch that of one
		two.AwaitGreen()
		two.MustNote("c1", "asthma")
		time.Sleep(time.Minute)
		if s := one.Now(); len(s.Doubts) != 0 {
			t.Errorf("doubts %v, want none", s.Doubts)
		}
		cut.Store(false)
		w.settled()
		w.texts("c1", "asthma")
		w.agreed()
	})
}

// A desk that has not read what came before its own last change does not overwrite it.
func TestWhatCameBeforeTheOwnChangeIsNotOverwrittenUnseen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, reads := w.stalled("one")
		reads.Store(1 << 30)
		one.start()
		two := w.desk("two")
		w.settled()
		first := one.MustNote("c1", "first")
		w.settled()
		reads.Store(0)
		theirs := two.MustNote("c1", "theirs", first.ID)
		one.MustNote("c2", "comes after it in the dossier")
		mine, err := one.Note("c1", "mine", first.ID)
		if err == nil && !mine.Queued() {
			t.Errorf("a change over the unseen %s was taken online", theirs.ID)
		}
		reads.Store(1 << 30)
		w.settled()
		w.agreed()
	})
}

// Two changes of one record, the second before the first was read in the log: it is no
// stale one. What its author had before them is the desk's own change.
func TestTwoChangesInARow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, reads := w.stalled("one")
		reads.Store(1 << 30)
		one.start()
		w.settled()
		reads.Store(0)
		first := one.MustNote("c1", "first")
		second := one.MustNote("c1", "second", first.ID)
		reads.Store(1 << 30)
		w.settled()
		w.once(first.ID, second.ID)
		w.texts("c1", "second")
		w.agreed()
	})
}

// The projection is lost while the outbox holds what was sealed with a key that is only
// on the server: the desk opens without it, and reads it as soon as it can.
func TestTheProjectionIsLostBesideAQueue(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.two()
		two.MustNote("c1", "first")
		w.settled()
		one.offline()
		queued := one.MustNote("c1", "second")
		one.kill()
		one.loseProjection()
		one.start()
		if s := one.Now(); s.Outbox != 1 {
			t.Errorf("%d queued, want 1", s.Outbox)
		}
		one.online()
		w.settled()
		w.once(queued.ID)
		w.texts("c1", "second")
		w.agreed()
	})
}

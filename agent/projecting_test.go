package agent_test

import (
	"testing"
	"time"
)

// The projection keeps a change back while its author is answered, but not from whoever asks
// for it, and not from whoever makes the next one.
func TestNobodyWaitsUntilTheAuthorWasAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		began := time.Now()
		first := one.MustNote("c1", "asthma")
		shows(t, one.Desk, "c1", first.ID)
		one.transact(drafts("a", 1)...)
		one.transact(drafts("b", 1)...)
		last := one.transact(drafts("c", 1)...)
		shows(t, one.Desk, "c-0", last[0])
		if took := time.Since(began); took >= time.Millisecond {
			t.Errorf("changes online, and looking at them, took %v of virtual time", took)
		}
		if n := one.Now().Outbox; n != 0 {
			t.Errorf("%d changes were queued, and not sent", n)
		}
	})
}

package replica

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/events"
)

// Messages that come one by one are opened together where the log has many more, and not kept
// waiting where it has not, or where no more of them come.
func TestMessagesOfALongReadAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			end                     uint64
			coming, atLeast, atMost int
		}{
			{end: 10_000, coming: 2 * partLeast, atLeast: partLeast, atMost: 2 * partLeast},
			{end: 10_000, coming: 0, atLeast: 1, atMost: 1},
			{end: 10, coming: 5, atLeast: 1, atMost: 1},
		} {
			in := make(chan events.Stored, partSize)
			var coming sync.WaitGroup
			coming.Go(func() {
				for i := range c.coming {
					time.Sleep(partPause / 10)
					in <- events.Stored{Sequence: uint64(i + 2)}
				}
			})
			part, _ := gather(t.Context(), events.Stored{Sequence: 1}, in, c.end)
			if n := len(part); n < c.atLeast || n > c.atMost {
				t.Errorf("of a log of %d events, %d that came one by one after the first were gathered to %d, want %d to %d", c.end, c.coming, n, c.atLeast, c.atMost)
			}
			coming.Wait()
		}
	})
}

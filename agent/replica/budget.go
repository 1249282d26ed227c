package replica

import (
	"context"
	"sync"

	"github.com/carelog/carelog/events"
)

// Bounds of the pipeline in bytes, since a message can have up to 1 MiB: of what is read
// ahead, of what is opened together, and of what goes into one transaction.
const (
	readAheadBytes = 16 << 20
	partBytes      = 2 << 20
	batchBytes     = 8 * partBytes
)

// sizeOf is what a message takes in memory, roughly: bodies can be large, headers not.
func sizeOf(m events.Stored) int { return len(m.Data) + 512 }

// budget bounds the bytes of what waits between two stages.
type budget struct {
	mu    sync.Mutex
	used  int
	freed chan struct{} // closed and replaced when something is given back
}

func newBudget() *budget { return &budget{freed: make(chan struct{})} }

// take waits until there is room for n bytes; a single message always finds it.
func (b *budget) take(ctx context.Context, n int) error {
	for {
		b.mu.Lock()
		freed, fits := b.freed, b.used == 0 || b.used+n <= readAheadBytes
		if fits {
			b.used += n
		}
		b.mu.Unlock()
		if fits {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// give gives back what was taken for some messages.
func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	close(b.freed)
	b.freed = make(chan struct{})
}

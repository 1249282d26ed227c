package agent

import (
	"context"
	"sync"
	"time"
)

// urgent counts who waits for a dossier that a person opened. All else leaves the line to them.
type urgent struct {
	mu      sync.Mutex
	waiting int
	since   time.Time     // somebody waits
	over    chan struct{} // closed when nobody waits any more
}

// wait counts somebody until done is called.
func (u *urgent) wait() (done func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting++; u.waiting == 1 {
		u.since, u.over = time.Now(), make(chan struct{})
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.waiting--; u.waiting == 0 {
			close(u.over)
		}
	}
}

// urgentFirst is for how long the rest leaves the line to those who wait. What does not come in that time is not
// held up by the rest, which may bring it sooner.
const urgentFirst = 3 * time.Second

// goFirst waits while anybody waits.
func (u *urgent) goFirst(ctx context.Context) {
	u.mu.Lock()
	waiting, since, over := u.waiting, u.since, u.over
	u.mu.Unlock()
	if waiting == 0 {
		return
	}
	left := urgentFirst - time.Since(since)
	if left <= 0 {
		return
	}
	longest := time.NewTimer(left)
	defer longest.Stop()
	select {
	case <-over:
	case <-longest.C:
	case <-ctx.Done():
	}
}

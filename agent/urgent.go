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
	over    chan struct{} // closed when nobody waits any more
	held    time.Time     // since when the rest waits; zero: it does not
	turn    time.Time     // until then it need not
}

// wait counts somebody until done is called.
func (u *urgent) wait() (done func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting++; u.waiting == 1 {
		u.over = make(chan struct{})
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.waiting--; u.waiting == 0 {
			close(u.over)
		}
	}
}

// urgentFirst is for how long the rest leaves the line to those who wait, and restTurn for how long it has the line
// then, whoever waits: what does not come in that time may come sooner by the rest, and a program that opens one
// dossier after the other must not keep a first read from its end.
const (
	urgentFirst = 3 * time.Second
	restTurn    = time.Second
)

// goFirst waits while anybody waits, but not where it is the rest's turn.
func (u *urgent) goFirst(ctx context.Context) {
	for {
		left, over := u.left(time.Now())
		if left <= 0 {
			return
		}
		longest := time.NewTimer(left)
		select {
		case <-over:
		case <-longest.C:
		case <-ctx.Done():
		}
		longest.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// left is for how long the rest is to wait yet, and over is closed when nobody waits any more.
func (u *urgent) left(now time.Time) (left time.Duration, over <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.waiting == 0:
		u.held = time.Time{}
	case now.Before(u.turn):
	case u.held.IsZero():
		u.held = now
		return urgentFirst, u.over
	default:
		if left = u.held.Add(urgentFirst).Sub(now); left > 0 {
			return left, u.over
		}
		u.held, u.turn = time.Time{}, now.Add(restTurn)
	}
	return 0, nil
}

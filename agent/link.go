package agent

import "sync"

// link is what the connection last said of itself.
type link struct {
	mu      sync.Mutex
	up      bool
	err     error
	changed chan struct{} // closed and replaced at each change
}

func newLink() *link { return &link{changed: make(chan struct{})} }

// report takes note that the connection came or went. It does not block.
func (l *link) report(up bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.err = up, err
	close(l.changed)
	l.changed = make(chan struct{})
}

// state returns whether the connection is up, a channel that is closed at the next
// change, and what the connection said of why it is down.
func (l *link) state() (up bool, changed <-chan struct{}, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.changed, l.err
}

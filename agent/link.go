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

func (l *link) state() (up bool, why error, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up, l.err, l.changed
}

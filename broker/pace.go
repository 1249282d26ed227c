package broker

import (
	"context"
	"sync"
	"time"
)

// pace is how fast objects come over a connection. It decides how many pieces of one are
// under way: a slow line has few, so that answers and signs of life are not late, and a fast
// one need not wait for the next to be asked for.
type pace struct {
	mu      sync.Mutex
	session context.Context // on which it was seen: the next one may be slower
	rate    float64         // bytes per second of the last object; 0: not known
}

// most is how many pieces of an object may be under way.
func (p *pace) most(session context.Context) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session != session {
		return objectAhead
	}
	return min(max(objectAhead, int(p.rate*objectUnderWay.Seconds()/objectChunk)), objectAheadFast)
}

// note learns from an object of so many bytes. One that did not come whole has none.
func (p *pace) note(session context.Context, bytes int, took time.Duration) {
	if bytes > 0 && bytes < objectAhead*objectChunk {
		return // its way tells more of the questions than of the line
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session, p.rate = session, float64(bytes)/max(took, time.Microsecond).Seconds()
}

package brokertest

import (
	"math/rand/v2"
	"time"
)

// segment is how many bytes a line carries, or loses, at once.
const segment = 1460

// slowness is what makes a line slow. It is guarded by the proxy's mu.
type slowness struct {
	bandwidth int     // bits per second, each way; 0: as fast as it goes
	loss      float64 // share of the segments that are sent twice
	timeout   time.Duration
	chance    *rand.Rand
	free      [2]time.Time // when each way has carried what it was given
}

// Bandwidth lets through so many bits per second each way, for all connections
// together; 0 ends it.
func (p *Proxy) Bandwidth(bits int) { p.set(func() { p.slow.bandwidth = bits }) }

// Loss loses a share of the segments of 1460 bytes. As in TCP all that comes after
// one waits until it was sent again, which is after the timeout. The seed decides which.
func (p *Proxy) Loss(share float64, timeout time.Duration, seed uint64) {
	p.set(func() {
		p.slow.loss, p.slow.timeout, p.slow.chance = share, timeout, rand.New(rand.NewPCG(seed, 0))
	})
}

// carrying is how long a frame of so many bytes is on its way; p.mu is held.
func (s *slowness) carrying(way, size int) time.Duration {
	if s.bandwidth == 0 && s.loss == 0 {
		return 0
	}
	now := time.Now()
	from := s.free[way]
	if from.Before(now) {
		from = now
	}
	if s.bandwidth > 0 {
		from = from.Add(time.Duration(float64(8*size) / float64(s.bandwidth) * float64(time.Second)))
	}
	for sent := 0; s.loss > 0 && sent < size; sent += segment {
		// What is shorter than a segment shares one with its neighbours.
		if part := min(segment, size-sent); s.chance.Float64() < s.loss*float64(part)/segment {
			from = from.Add(s.timeout)
		}
	}
	s.free[way] = from
	return from.Sub(now)
}

// pause waits, unless the proxy ends before.
func (p *Proxy) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ended:
	}
}

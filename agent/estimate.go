package agent

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
)

// estimate says how long something will still take, from how it went so far: half by
// the whole of it, which a stall or a burst hardly moves, and half by the last quarter
// of the time, which notices that the rest goes more slowly.
type estimate struct {
	began   time.Time
	samples []sample // at most maxSamples, the oldest first
}

type sample struct {
	at   time.Duration // since the beginning
	done uint64
}

// maxSamples bounds what is remembered; beyond it every second one is dropped.
const maxSamples = 256

// soonest is how long something must have gone on before its end is guessed.
const soonest = 500 * time.Millisecond

// note takes in how much is done now, and returns the rate of late, per second, and the
// seconds left; -1 where that is not known yet.
func (e *estimate) note(now time.Time, done, total uint64) (rate float64, left int64) {
	spent := now.Sub(e.began)
	if len(e.samples) == maxSamples {
		for i := range maxSamples / 2 {
			e.samples[i] = e.samples[2*i]
		}
		e.samples = e.samples[:maxSamples/2]
	}
	e.samples = append(e.samples, sample{spent, done})
	if done == 0 || spent < soonest {
		return 0, -1
	}
	all := float64(done) / spent.Seconds()
	late := all
	for i := len(e.samples) - 1; i >= 0; i-- {
		if s := e.samples[i]; spent-s.at >= spent/4 {
			late = float64(done-s.done) / (spent - s.at).Seconds()
			break
		}
	}
	if done >= total {
		return late, 0
	}
	return late, int64(float64(total-done)/((all+late)/2) + 0.5)
}

// metered counts the bytes of the messages that a log brings.
type metered struct {
	Log
	bytes atomic.Uint64
}

// Read is Log.Read.
func (l *metered) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			l.bytes.Add(uint64(len(m.Message.Data)))
			if !yield(m, err) {
				return
			}
		}
	}
}

// progress is what the light shows of reading from one place of the log to another.
func (e *estimate) progress(kind light.Kind, now time.Time, done, total, bytes uint64) *light.Activity {
	rate, left := e.note(now, done, total)
	return &light.Activity{Kind: kind, Done: done, Total: total, Bytes: bytes, Rate: uint64(rate + 0.5), ETASeconds: left}
}

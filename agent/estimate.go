package agent

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/snapshot"
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

// metered is a log of which the mass is read: it counts the bytes of messages and keys, as they come over the line, and
// leaves the line to what goes first.
type metered struct {
	Log
	ahead *ahead // goes first
	bytes atomic.Uint64
}

// frame is about what comes over the line with each message, in bytes: what kind it is, how long it is, and where to answer,
// which names its stream, consumer, places and time.
const frame = 150

// Read is Log.Read.
func (l *metered) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			l.bytes.Add(uint64(frame + len(m.Message.Subject) + m.Message.Size()))
			l.ahead.goFirst(ctx)
			if !yield(m, err) {
				return
			}
		}
	}
}

// Sealed is Log.Sealed. Its bytes are counted by who fetches.
func (l *metered) Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		for piece, err := range l.Log.Sealed(ctx, name, after) {
			l.ahead.goFirst(ctx)
			if !yield(piece, err) {
				return
			}
		}
	}
}

// KeysAfter is Log.KeysAfter.
func (l *metered) KeysAfter(ctx context.Context, read events.KeyMark, take func([]events.WrappedKey, events.KeyMark) error) error {
	return l.Log.KeysAfter(ctx, read, func(keys []events.WrappedKey, now events.KeyMark) error {
		for _, k := range keys {
			l.bytes.Add(uint64(frame + len(k.Name()) + len(k.Wrapped)))
		}
		l.ahead.goFirst(ctx)
		return take(keys, now)
	})
}

// progress is what the light shows of reading from one place of the log to another.
func (e *estimate) progress(kind light.Kind, now time.Time, start, position, last, bytes uint64) *light.Activity {
	rate, left := e.note(now, position-start, last-start)
	doing := &light.Activity{Kind: kind, Done: position - start, Total: last - start, Bytes: bytes, Rate: uint64(rate + 0.5), ETASeconds: left}
	if kind == light.Initial { // what was here when it began is a part of the whole, and took no time
		doing.Done, doing.Total = position, last
	}
	return doing
}

// Bounds of a fetch whose end is guessed: with less than this the questions before the first byte tell more than the line.
const (
	fetchedSome  = 1 << 20 // bytes
	fetchedShare = 50      // of what is to come, one in so many
)

// fetched is what the light shows of a snapshot that leads to one place of a log that ends at another. What
// stood on the disk when the fetch began is a part of the whole, and took no time.
func (e *estimate) fetched(now time.Time, p snapshot.Progress, leads, last uint64) *light.Activity {
	here := p.Here - p.Came
	rate, left := e.note(now, uint64(p.Came), uint64(p.Total-here))
	if p.Came < min(fetchedSome, (p.Total-here)/fetchedShare) {
		rate, left = 0, -1
	}
	events := float64(leads) / float64(p.Total) // in a byte
	return &light.Activity{Kind: light.Initial, Done: uint64(float64(p.Here) * events), Total: last, Bytes: uint64(p.Came), Rate: uint64(rate*events + 0.5), ETASeconds: left}
}

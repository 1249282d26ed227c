package audit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
)

// BenchmarkVerify tells time and memory an event for logs of two sizes: both must stay
// as they are when the log grows. peak-B/event is the heap above the log itself.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := eventstest.New(b, deviceBody)
			x, y := p.Enrol("x"), p.Enrol("y")
			p.History(rand.New(rand.NewPCG(1, 1)), n, x, y)
			check := audit.Check{Keys: keysOf(p)}
			var before, now runtime.MemStats
			var peak uint64
			runtime.GC()
			runtime.ReadMemStats(&before)
			check.Progress = func(pr audit.Progress) {
				if pr.Done%20_480 == 0 || pr.Done == uint64(len(p.Log)) {
					runtime.GC()
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
				}
			}
			for b.Loop() {
				s, err := audit.Verify(context.Background(), p.Messages(1), check, func(f audit.Finding) error { return fmt.Errorf("found: %v", f) })
				if err != nil || !s.Clean() {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p.Log)), "ns/event")
			b.ReportMetric(float64(peak)/float64(len(p.Log)), "peak-B/event")
		})
	}
}

// BenchmarkVerifyProjection tells what a replay from zero and the comparison cost an event.
func BenchmarkVerifyProjection(b *testing.B) {
	p := eventstest.New(b, deviceBody)
	x, y := p.Enrol("x"), p.Enrol("y")
	p.History(rand.New(rand.NewPCG(1, 1)), 20_000, x, y)
	s := replica(b, b.TempDir(), p, 512, nil)
	defer closeStore(b, s)
	for b.Loop() {
		if list := verifyProjection(b, audit.Projection{Replica: s, Log: p.Messages(1), Keys: keysOf(p), Folder: b.TempDir()}); len(list) > 0 {
			b.Fatal(text(list))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p.Log)), "ns/event")
}

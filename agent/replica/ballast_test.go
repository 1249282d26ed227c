package replica_test

import (
	"runtime"
	"testing"

	"github.com/carelog/carelog/agent/replica"
)

// kept keeps the compiler from leaving out what nobody looks at.
var kept []byte

// collections counts how often the garbage collector ran while so much garbage was made.
func collections(bytes int) uint32 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range bytes / 1024 {
		kept = make([]byte, 1024)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

// Under a ballast garbage is looked for less often, and afterwards as before.
func TestBallast(t *testing.T) {
	const garbage = 64 << 20
	runtime.GC()
	bare := collections(garbage)
	drop := replica.HoldBallast()
	runtime.GC() // from here on it counts
	laden := collections(garbage)
	drop()
	runtime.GC()
	again := collections(garbage)
	if laden*4 > bare || laden*4 > again {
		t.Errorf("%d collections under a ballast, %d before and %d after it", laden, bare, again)
	}
}

package replica

import (
	"runtime"
	"strings"
)

// ballastBytes is address space that nobody writes to, so no memory stands behind it. The
// garbage collector counts it as in use and lets as much more garbage gather before it looks
// for what is in use: where as much is in use beside it, half as often.
const ballastBytes = 128 << 20

// HoldBallast lets a long read leave more garbage behind, until drop is called: what is read
// is dropped again within a second, and looking for it took a fifth of the processor's time.
// It costs at most ballastBytes of memory. Unlike a larger share (GOGC), it does not grow with
// what is in use.
func HoldBallast() (drop func()) {
	// make would write zeros over memory that was in use before: 0.3 s of a processor, and
	// real memory, for each long read of a process but the first.
	var ballast strings.Builder
	ballast.Grow(ballastBytes)
	return func() { runtime.KeepAlive(&ballast) }
}

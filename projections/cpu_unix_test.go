//go:build unix

package projections_test

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used of the processors: other programs on the
// machine disturb it less than the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

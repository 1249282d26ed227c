package bench

import (
	"math"
	"slices"
	"time"
)

// series is how long each of several operations took.
type series []time.Duration

// clock times one call and adds it.
func (s *series) clock(call func() error) error {
	began := time.Now()
	err := call()
	*s = append(*s, time.Since(began))
	return err
}

// quantile is the time within which the part q of the operations was done.
func (s series) quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(math.Round(q*float64(len(sorted)-1)))]
}

func (s series) median() time.Duration { return s.quantile(0.5) }

// inTime is a figure of durations.
func inTime(name string, n int, ours, limit time.Duration, beside string) Figure {
	return figure(name, n, milliseconds(ours), milliseconds(limit), "ms", beside)
}

// inRate is a figure of events in a second.
func inRate(name string, n int, ours, limit time.Duration, beside string) Figure {
	return figure(name, n, rate(n, ours), rate(n, limit), "events/s", beside)
}

func figure(name string, n int, ours, limit float64, unit, beside string) Figure {
	f := Figure{Name: name, N: n, Ours: digits(ours), Limit: digits(limit), Unit: unit, Beside: beside}
	if limit > 0 {
		f.Ratio = digits(ours / limit)
	}
	return f
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func rate(n int, d time.Duration) float64 { return float64(n) / max(d, 1).Seconds() }

// digits rounds to the three digits that are worth reading.
func digits(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-2)
	if unit >= 1 {
		return math.Round(x/unit) * unit
	}
	scale := math.Round(1 / unit)
	return math.Round(x*scale) / scale
}

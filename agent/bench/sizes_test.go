package bench_test

import (
	"testing"

	"github.com/carelog/carelog/agent/bench"
)

func TestCounts(t *testing.T) {
	for text, want := range map[string]int{"500": 500, "10k": 10_000, "10K": 10_000, "1M": 1_000_000, "1m": 1_000_000, "1.5M": 1_500_000, "5M": 5_000_000} {
		if got, err := bench.ParseCount(text); got != want || err != nil {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "ten", "-1k", "0", "0.5", "1.0001k", "1e300M", "NaN", "Inf", "10kk"} {
		if got, err := bench.ParseCount(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
	for n, want := range map[int]string{100: "100", 1000: "1k", 10_000: "10k", 1_500_000: "1.5M", 5_000_000: "5M"} {
		if got := bench.Count(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
}

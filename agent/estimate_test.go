package agent_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
)

// At the half-way point an estimate is less than a quarter off, however uneven the way.
func TestTheEstimateIsHonest(t *testing.T) {
	const total = 1_000_000
	chance := rand.New(rand.NewPCG(1, 2))
	for name, rate := range map[string]func(done float64) float64{ // events per second, by the part that is done
		"steady":            func(float64) float64 { return 20_000 },
		"uneven":            func(float64) float64 { return 20_000 * (0.2 + 1.6*chance.Float64()) },
		"slower and slower": func(done float64) float64 { return 25_000 * (1 - 0.4*done) },
		"faster and faster": func(done float64) float64 { return 15_000 * (1 + 0.5*done) },
		"waves":             func(done float64) float64 { return 20_000 * (1 + 0.7*math.Sin(40*done)) },
		"a stall at a quarter": func(done float64) float64 {
			return map[bool]float64{true: 2_000, false: 20_000}[done > 0.25 && done < 0.26]
		},
		"a slow beginning": func(done float64) float64 { return map[bool]float64{true: 4_000, false: 20_000}[done < 0.03] },
		"1 Mbit/s":         func(float64) float64 { return 90 * (0.7 + 0.6*chance.Float64()) },
	} {
		const batch = 2_000
		began := time.Unix(0, 0)
		now, half := began, time.Time{}
		e := agent.NewEstimate(began)
		var guess float64
		for done := uint64(0); done < total; {
			now = now.Add(time.Duration(batch / rate(float64(done)/total) * float64(time.Second)))
			done += batch
			_, left := e.Note(now, done, total)
			if half.IsZero() && done >= total/2 {
				half, guess = now, float64(left)
			}
		}
		truth := now.Sub(half).Seconds()
		if off := math.Abs(guess-truth) / truth; off >= 0.25 {
			t.Errorf("%s: half-way %.0f s are left, and the estimate says %.0f: %.0f %% off", name, truth, guess, 100*off)
		} else {
			t.Logf("%s: %.0f %% off", name, 100*off)
		}
	}
}

// What nobody can know yet is not guessed.
func TestNoEstimateBeforeThereIsOne(t *testing.T) {
	began := time.Unix(0, 0)
	e := agent.NewEstimate(began)
	for _, c := range []struct {
		after time.Duration
		done  uint64
	}{{0, 0}, {time.Hour, 0}, {time.Millisecond, 1000}} {
		if _, left := e.Note(began.Add(c.after), c.done, 1_000_000); left != -1 {
			t.Errorf("after %v with %d done: %d s left, want -1", c.after, c.done, left)
		}
	}
	if _, left := e.Note(began.Add(time.Minute), 10, 10); left != 0 {
		t.Errorf("at the end %d s are left", left)
	}
}

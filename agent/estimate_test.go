package agent_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/snapshot"
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

// A snapshot's estimate is as honest, from a fresh start and after a kill, also where the keys share the line at first.
func TestTheEstimateOfASnapshotIsHonest(t *testing.T) {
	const total, piece, leads, last = 66_700_000, 128 << 10, 105_976, 110_594
	for _, before := range []int64{0, total / 3, total * 9 / 10} {
		for name, rate := range map[string]func(came int64) float64{ // bytes per second
			"1 Mbit/s":              func(int64) float64 { return 125_000 },
			"15 Mbit/s beside keys": func(came int64) float64 { return map[bool]float64{true: 937_500, false: 1_875_000}[came < 10_000_000] },
			"100 Mbit/s":            func(int64) float64 { return 12_500_000 },
			"40 Mbit/s, a pause":    func(came int64) float64 { return map[bool]float64{true: 100_000, false: 5_000_000}[came/piece == 10] },
			"from 10 to 14 Mbit/s":  func(came int64) float64 { return 1_250_000 * (1 + 0.4*float64(came)/total) },
		} {
			began := time.Unix(0, 0)
			now, half := began, time.Time{}
			e := agent.NewEstimate(began)
			var guess *light.Activity
			for came := int64(0); before+came < total; {
				n := min(piece, total-before-came)
				now = now.Add(time.Duration(float64(n) / rate(came) * float64(time.Second)))
				came += n
				a := e.Fetched(now, snapshot.Progress{Here: before + came, Came: came, Total: total}, leads, last)
				if a.Bytes != uint64(came) || a.Done != uint64(float64(before+came)*leads/total) || a.Total != last {
					t.Fatalf("%s after %d: %+v with %d bytes come", name, before, a, came)
				}
				if half.IsZero() && came >= (total-before)/2 {
					half, guess = now, a
				}
			}
			truth := now.Sub(half).Seconds()
			if truth < 2 {
				continue // the estimate is in whole seconds
			}
			off := math.Abs(float64(guess.ETASeconds)-truth) / truth
			if t.Logf("%s after %d: %.1f s are left, %d said", name, before, truth, guess.ETASeconds); off >= 0.25 || guess.Rate == 0 {
				t.Errorf("%s after %d: half-way %.1f s are left, and it says %+v", name, before, truth, guess)
			}
		}
	}
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/light"
)

// progress draws one line on a terminal, again and again.
type progress struct {
	out   io.Writer
	drawn time.Time
}

// progressOn returns a progress line where the errors go to a terminal and the
// output is not for a script; else nil.
func progressOn(env *environment, script bool) *progress {
	if script || !isTerminal(env.stderr) {
		return nil
	}
	return &progress{out: env.stderr}
}

const barWidth = 30

// show draws how far something is; total 0 means that it is not known.
func (p *progress) show(what string, done, total uint64, rate float64) {
	if p == nil || time.Since(p.drawn) < 100*time.Millisecond && done < total {
		return
	}
	p.drawn = time.Now()
	if total == 0 {
		fmt.Fprintf(p.out, "\r%s: %d (%.0f/s)\x1b[K", what, done, rate)
		return
	}
	filled := int(min(done, total) * barWidth / total)
	fmt.Fprintf(p.out, "\r%s [%s%s] %d of %d", what, strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), done, total)
	if rate > 0 && done < total {
		fmt.Fprintf(p.out, ", %s left", (time.Duration(float64(total-done)/rate) * time.Second).Round(time.Second))
	}
	fmt.Fprint(p.out, "\x1b[K")
}

// activity draws what a desk is doing, with the desk's own estimate.
func (p *progress) activity(a *light.Activity) {
	if p == nil || a == nil || a.Total == 0 {
		return
	}
	rate := 0.0
	if a.ETASeconds > 0 {
		rate = float64(a.Total-min(a.Done, a.Total)) / float64(a.ETASeconds)
	}
	p.show(string(a.Kind), a.Done, a.Total, rate)
}

// end leaves the line.
func (p *progress) end() {
	if p != nil && !p.drawn.IsZero() {
		fmt.Fprintln(p.out)
	}
}

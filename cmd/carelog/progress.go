package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// progress draws one line on a terminal, again and again.
type progress struct {
	screen *screen
	drawn  time.Time
}

// progressOn returns a progress line where the errors go to a terminal and the
// output is not for a script; else nil.
func progressOn(env *environment, script bool) *progress {
	if script || !isTerminal(env.stderr) {
		return nil
	}
	return &progress{screen: env.screen}
}

const barWidth = 30

// show draws how far something is; total 0 means that it is not known.
func (p *progress) show(what string, done, total uint64, rate float64) {
	if p == nil || time.Since(p.drawn) < 100*time.Millisecond && done < total {
		return
	}
	p.drawn = time.Now()
	if total == 0 {
		p.screen.draw(fmt.Sprintf("%s: %d (%.0f/s)", what, done, rate))
		return
	}
	filled := int(min(done, total) * barWidth / total)
	line := fmt.Sprintf("%s [%s%s] %d of %d", what, strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), done, total)
	if rate > 0 && done < total {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(total-done)/rate) * time.Second).Round(time.Second))
	}
	p.screen.draw(line)
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
		p.screen.leave()
	}
}

// drawEvery is how often the line of a running desk is drawn.
const drawEvery = 200 * time.Millisecond

// follow draws what a desk is doing for as long as it does something, until ctx ends.
func (p *progress) follow(ctx context.Context, a *agent.Agent) {
	if p == nil {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		changed := a.Changed()
		if doing := a.Light().Activity; doing != nil {
			p.activity(doing)
		} else {
			p.screen.draw("")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.screen.draw("")
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

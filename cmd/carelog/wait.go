package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/light"
)

// waitCommand blocks until something is a fact.
type waitCommand struct {
	deskFlags `embed:""`
	For       string        `help:"What to wait for: current (the light is green), pushed (the server has everything), offline, conflicts=N, or published (the hub has the newest Sumehr of all who are wished one)." required:"" placeholder:"WHAT"`
	Timeout   time.Duration `help:"How long to wait before failing." default:"60s"`
}

// published is what is waited for that the status alone does not tell.
const published = "published"

// pollEvery is how often wait asks the desk. It asks over loopback; a stream would
// have to be asked again anyway after each of its events. The desk in turn asks the
// server each time before it answers.
const pollEvery = 20 * time.Millisecond

// Run waits, and fails loudly where it does not become a fact in time.
func (c *waitCommand) Run(env *environment) error {
	fact, err := factOf(c.For)
	if err != nil {
		return usage(err)
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(env.ctx, c.Timeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	bar := progressOn(env, false)
	defer bar.end()
	for {
		var s agent.Status
		switch err := d.get(ctx, "/api/status?prove=1s", &s); {
		case err == nil && fact(s):
			if c.For != published {
				return nil
			}
			behind, err := d.behind(ctx)
			if err == nil && len(behind) == 0 || err != nil && ctx.Err() == nil {
				return err
			}
		case err != nil && ctx.Err() == nil:
			return err
		}
		bar.activity(s.Activity)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c.late(env.ctx, d)
		}
	}
}

// late says what stands instead of what was waited for.
func (c *waitCommand) late(ctx context.Context, d *desk) error {
	var s agent.Status
	if err := d.get(ctx, "/api/status", &s); err != nil {
		return err
	}
	if behind, err := d.behind(ctx); c.For == published && err == nil && len(behind) > 0 {
		return fmt.Errorf("%s is no fact after %s: %d are not the newest, of %s because of %s", c.For, c.Timeout, len(behind), behind[0].Patient, behind[0].Reason)
	}
	return fmt.Errorf("%s is no fact after %s: the light is %s (%s), %d queued, %d conflicts, position %d of %d",
		c.For, c.Timeout, s.Color, s.Reason, s.Outbox, s.Conflicts, s.Position.Sequence, s.Server.Sequence)
}

// behind are the patients of whom the hub does not have the newest Sumehr.
func (d *desk) behind(ctx context.Context) ([]sumehrRow, error) {
	var answer struct{ Patients []sumehrRow }
	err := d.get(ctx, "/api/sumehr", &answer)
	return answer.Patients, err
}

// factOf reads what to wait for.
func factOf(what string) (func(agent.Status) bool, error) {
	switch what {
	case "current":
		return func(s agent.Status) bool {
			return s.Color == light.Online && s.Outbox == 0 && s.Position.Sequence == s.Server.Sequence
		}, nil
	case "pushed":
		return func(s agent.Status) bool { return s.Outbox == 0 && s.Attachments == 0 }, nil
	case published: // the count of the status may be old
		return func(agent.Status) bool { return true }, nil
	case "offline":
		return func(s agent.Status) bool { return s.Color == light.Offline }, nil
	}
	if number, ok := strings.CutPrefix(what, "conflicts="); ok {
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("conflicts=%s: want a number", number)
		}
		return func(s agent.Status) bool { return s.Conflicts == n }, nil
	}
	return nil, errors.New("--for: want current, pushed, offline, conflicts=N or published")
}

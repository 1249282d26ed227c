package main

import (
	"fmt"
	"net/url"

	"github.com/carelog/carelog/agent"
)

// acknowledgeCommand answers for a warning that may stay for ever.
type acknowledgeCommand struct {
	deskFlags `embed:""`
	Code      string `arg:"" help:"Code of the warning: events-missing, events-unreached or revocation-late."`
	Reason    string `help:"What was done about it." required:""`
}

// Run tells the desk, and prints what was acknowledged.
func (c *acknowledgeCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var s agent.Status
	if err := d.get(env.ctx, "/api/status", &s); err != nil {
		return err
	}
	var of agent.Warning
	for _, w := range s.Warnings {
		if w.Code == c.Code {
			of = w
		}
	}
	if err := d.post(env.ctx, "/api/warnings/"+url.PathEscape(c.Code)+"/acknowledge", map[string]string{"fact": of.Fact, "reason": c.Reason}, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "acknowledged, until it is of something else: %s\n", of.Text)
	return err
}

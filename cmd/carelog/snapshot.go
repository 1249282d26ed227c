package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/carelog/carelog/agent"
)

type snapshotCommand struct {
	Make snapshotMakeCommand `cmd:"" help:"Make a snapshot now, at a desk that is level with the server."`
	List snapshotListCommand `cmd:"" help:"List the snapshots in the practice's store."`
}

// snapshotMakeCommand makes one.
type snapshotMakeCommand struct {
	deskFlags `embed:""`
	JSON      bool `help:"Print what /api/snapshot says." name:"json"`
}

// Run tells the desk, and waits.
func (c *snapshotMakeCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var made agent.Snapshot
	if err := d.post(env.ctx, "/api/snapshot", nil, &made); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, made)
	}
	_, err = fmt.Fprintf(env.stdout, "snapshot %s: %d events, up to %d of the log, %d bytes in the store\n", made.ID, made.Events, made.Position.Sequence, made.Stored)
	return err
}

// snapshotListCommand lists them.
type snapshotListCommand struct {
	deskFlags `embed:""`
	Check     bool `help:"Read each of them whole first: only so is a damaged part found."`
	JSON      bool `help:"Print what /api/snapshot says." name:"json"`
}

// Run prints the table.
func (c *snapshotListCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	path := "/api/snapshot"
	if c.Check {
		path += "?check=true"
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, path, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct{ Snapshots []agent.Snapshot }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if len(answer.Snapshots) == 0 {
		_, err := fmt.Fprintln(env.stdout, "there is no snapshot yet: a new desk reads the log from the start")
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SNAPSHOT\tPOSITION\tEVENTS\tBYTES\tMADE\tBY\tSTATE")
	for _, s := range answer.Snapshots {
		if s.Unusable != "" {
			fmt.Fprintf(t, "%s\t\t\t\t\t\tunusable: %s\n", s.ID, s.Unusable)
			continue
		}
		state := "not checked"
		if s.Checked {
			state = "good"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t%s\n", s.ID, s.Position.Sequence, s.Events, s.Stored, s.Made.Local().Format(time.DateTime), s.Device, state)
	}
	return t.Flush()
}

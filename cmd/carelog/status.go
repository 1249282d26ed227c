package main

import (
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/projections"
)

// linkCommand prints a one-time link.
type linkCommand struct {
	deskFlags `embed:""`
}

// Run asks the desk for a link.
func (c *linkCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct{ URL string }
	if err := d.post(env.ctx, "/open", nil, &answer); err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.stdout, answer.URL)
	return err
}

// statusCommand shows the light.
type statusCommand struct {
	deskFlags `embed:""`
	JSON      bool `help:"Print what /api/status says." name:"json"`
}

// Run prints the status.
func (c *statusCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var s agent.Status
	if err := d.get(env.ctx, "/api/status", &s); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, s)
	}
	return printStatus(env.stdout, s)
}

func printStatus(w io.Writer, s agent.Status) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "light\t%s, since %s\n", s.Color, s.Since.Local().Format(time.DateTime))
	fmt.Fprintf(t, "\t%s\n", s.Reason)
	if a := s.Activity; a != nil && a.Total > 0 {
		fmt.Fprintf(t, "\t%s: %d of %d events", a.Kind, a.Done, a.Total)
		if a.Rate > 0 {
			fmt.Fprintf(t, ", %d/s", a.Rate)
		}
		if a.Bytes > 0 {
			fmt.Fprintf(t, ", %.1f MB", float64(a.Bytes)/1e6)
		}
		if a.ETASeconds >= 0 {
			fmt.Fprintf(t, ", about %s left", time.Duration(a.ETASeconds)*time.Second)
		}
		fmt.Fprintln(t)
	}
	if p := s.Prefetch; p != nil {
		fmt.Fprintf(t, "agenda\t%d of %d dossiers\n", p.Done, p.Total)
	}
	if i := s.Index; i != nil {
		others := "a search may miss the others, and says so"
		if i.Total-i.Done <= projections.Few {
			others = "a search takes in the others first"
		}
		fmt.Fprintf(t, "index\t%d of %d records: %s\n", i.Done, i.Total, others)
	}
	if s.Incomplete {
		why := "this PC has not read the whole log yet"
		if s.Unshown > 0 {
			why = "this PC cannot show all that was changed here"
		}
		fmt.Fprintf(t, "incomplete\t%s: what is not found here may exist\n", why)
	}
	fmt.Fprintf(t, "practice\t%s\ndevice\t%s (%s)\n", s.Practice, s.DeviceName, s.Device)
	fmt.Fprintf(t, "server\t%s\n", s.Server.URL)
	fmt.Fprintf(t, "position\t%d of %d\n", s.Position.Sequence, s.Server.Sequence)
	if !s.Server.Agreed.IsZero() {
		fmt.Fprintf(t, "agreed\t%s\n", s.Server.Agreed.Local().Format(time.DateTime))
	}
	fmt.Fprintf(t, "queued\t%d\nset aside\t%d\nconflicts\t%d\n", s.Outbox, s.SetAside, s.Conflicts)
	if s.SumehrBehind > 0 {
		fmt.Fprintf(t, "sumehr\t%d on the hub are not the newest: `carelog sumehr list` says why\n", s.SumehrBehind)
	}
	if h := s.Hub; h != nil {
		fmt.Fprintf(t, "hub\t%s\n", h.URL)
		if !h.DownSince.IsZero() {
			fmt.Fprintf(t, "\tdown since %s, next try %s: %s\n", shortTime(h.DownSince), shortTime(h.Next), h.Error)
		}
	}
	if s.Attachments > 0 {
		fmt.Fprintf(t, "attachments\t%d are on this PC only\n", s.Attachments)
	}
	for kind, n := range s.Doubts {
		if n > 0 {
			fmt.Fprintf(t, "in doubt\t%d %s\n", n, kind)
		}
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(t, "warning\t%s\n", warning.Text)
	}
	for _, seen := range s.Acknowledged {
		fmt.Fprintf(t, "acknowledged\t%s\n", seen.Text)
		fmt.Fprintf(t, "\tby %s, %s: %s\n", seen.By, seen.At.Local().Format(time.DateTime), seen.Reason)
	}
	return t.Flush()
}

// offlineCommand lets the user work offline.
type offlineCommand struct {
	deskFlags `embed:""`
}

// Run tells the desk.
func (c *offlineCommand) Run(env *environment) error { return c.choose(env, "offline") }

// onlineCommand ends working offline.
type onlineCommand struct {
	deskFlags `embed:""`
}

// Run tells the desk.
func (c *onlineCommand) Run(env *environment) error { return c.choose(env, "online") }

func (f deskFlags) choose(env *environment, how string) error {
	d, err := f.connect()
	if err != nil {
		return err
	}
	if err := d.post(env.ctx, "/api/"+url.PathEscape(how), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "the desk works %s\n", how)
	return err
}

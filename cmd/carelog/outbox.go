package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/carelog/carelog/agent"
)

type outboxCommand struct {
	List    outboxListCommand    `cmd:"" default:"withargs" help:"List what the server does not have yet."`
	Retry   outboxRetryCommand   `cmd:"" help:"Send a change again that the server refused."`
	Discard outboxDiscardCommand `cmd:"" help:"Give up a change that the server refused; it is kept, with the reason."`
}

// outboxListCommand lists the queue.
type outboxListCommand struct {
	deskFlags `embed:""`
	JSON      bool `help:"Print what /api/outbox says." name:"json"`
}

// Run prints the table.
func (c *outboxListCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, "/api/outbox", &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct{ Outbox []agent.Queued }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if len(answer.Outbox) == 0 {
		_, err := fmt.Fprintln(env.stdout, "nothing waits: the server has everything")
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "EVENT\tRECORD\tPATIENT\tAUTHOR\tTIME\tSTATE")
	for _, q := range answer.Outbox {
		state := "waits"
		switch {
		case q.SetAside:
			state = "refused: " + q.LastError
		case q.LastError != "":
			state = fmt.Sprintf("waits, %d attempts: %s", q.Attempts, q.LastError)
		}
		fmt.Fprintf(t, "%s\t%s/%s\t%s\t%s\t%s\t%s\n", q.ID, q.Type, q.RecordID, q.Patient, q.Author, q.Time.Local().Format(time.DateTime), state)
	}
	return t.Flush()
}

// outboxRetryCommand sends again.
type outboxRetryCommand struct {
	deskFlags `embed:""`
	Event     string `arg:"" help:"Id of the event."`
}

// Run tells the desk.
func (c *outboxRetryCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	return d.post(env.ctx, "/api/outbox/"+url.PathEscape(c.Event)+"/retry", nil, nil)
}

// outboxDiscardCommand gives up.
type outboxDiscardCommand struct {
	deskFlags `embed:""`
	Event     string `arg:"" help:"Id of the event."`
	Reason    string `help:"Why it is given up." required:""`
}

// Run tells the desk.
func (c *outboxDiscardCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	return d.post(env.ctx, "/api/outbox/"+url.PathEscape(c.Event)+"/discard", map[string]string{"reason": c.Reason}, nil)
}

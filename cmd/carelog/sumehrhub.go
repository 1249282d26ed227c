package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/readable"
)

// hubPatient is a patient whose Sumehr on the hub a command is about.
type hubPatient struct {
	deskFlags `embed:""`
	Patient   string `arg:"" help:"Id of the patient."`
	JSON      bool   `help:"Print what the desk answers." name:"json"`
	Language  string `help:"Language of what is said." enum:"nl,fr,de,en" default:"en"`
}

// path is that of a question about the patient.
func (c hubPatient) path(what string) string {
	return "/api/sumehr/" + url.PathEscape(c.Patient) + "/" + what + "?language=" + c.Language
}

// tell lets the desk do something, and says how the patient stands then.
func (c hubPatient) tell(env *environment, what string, body any) error {
	if err := events.ValidateID("patient", c.Patient); err != nil {
		return usage(err)
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := d.post(env.ctx, c.path(what), body, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct{ Reason, Text, Detail string }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if answer.Detail != "" {
		answer.Text += " (" + answer.Detail + ")"
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s\n", answer.Reason, answer.Text)
	return err
}

// sumehrPublishCommand tries at once.
type sumehrPublishCommand struct {
	hubPatient `embed:""`
	Over       string `help:"The hub's name of a Sumehr that is not ours: ours is put in its place." placeholder:"URI"`
}

// Run tells the desk, and prints what became of it.
func (c *sumehrPublishCommand) Run(env *environment) error {
	return c.tell(env, "publish", map[string]string{"over": c.Over})
}

// sumehrRevokeCommand takes a Sumehr from the hub.
type sumehrRevokeCommand struct {
	hubPatient `embed:""`
}

// Run tells the desk.
func (c *sumehrRevokeCommand) Run(env *environment) error {
	return c.tell(env, "revoke", struct{}{})
}

// sumehrHubCommand shows what the hub holds.
type sumehrHubCommand struct {
	hubPatient `embed:""`
	XML        bool `help:"Print the newest message itself, as carelog import takes it." name:"xml"`
}

// Run asks the hub, by way of the desk.
func (c *sumehrHubCommand) Run(env *environment) error {
	if err := events.ValidateID("patient", c.Patient); err != nil {
		return usage(err)
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	if c.XML {
		return d.print(env.ctx, env.stdout, c.path("hub")+"&format=xml", "application/xml")
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, c.path("hub"), &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct {
		Holds []struct {
			URI, Author string
			Recorded    time.Time
			Ours        bool
		}
		Sumehr *readable.Page
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if answer.Sumehr == nil {
		_, err := fmt.Fprintln(env.stdout, "the hub holds no Sumehr of this patient")
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ON THE HUB\tAUTHOR\tRECORDED\tFROM HERE")
	for _, h := range answer.Holds {
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\n", h.URI, h.Author, shortTime(h.Recorded), h.Ours)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(env.stdout)
	return answer.Sumehr.Text(env.stdout, c.Language)
}

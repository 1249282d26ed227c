package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// sumehrListCommand lists whose Sumehr on the hub is not the newest.
type sumehrListCommand struct {
	deskFlags `embed:""`
	JSON      bool   `help:"Print what /api/sumehr says." name:"json"`
	Language  string `help:"Language of reasons and findings." enum:"nl,fr,de,en" default:"en"`
}

// sumehrRow is a line of /api/sumehr.
type sumehrRow struct {
	Patient, Name, Reason, Text, Detail string
	Since, Next                         time.Time
	Records                             []string
	Findings                            []struct{ Severity, Kind, Record, Text string }
	Hub                                 *struct{ Since time.Time }
}

// Run prints the table.
func (c *sumehrListCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, "/api/sumehr?language="+c.Language, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct {
		Wished   int
		Patients []sumehrRow
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if len(answer.Patients) == 0 {
		_, err := fmt.Fprintf(env.stdout, "the hub holds the newest Sumehr of all %d patients for whom it is wished\n", answer.Wished)
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "PATIENT\tNAME\tON THE HUB\tBEHIND SINCE\tNEXT TRY\tREASON")
	for _, row := range answer.Patients {
		row.print(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%d of %d are not the newest\n", len(answer.Patients), answer.Wished)
	return err
}

func (row sumehrRow) print(t *tabwriter.Writer) {
	hub := "nothing"
	if row.Hub != nil {
		hub = "of " + shortTime(row.Hub.Since)
	}
	text := row.Reason + ": " + row.Text
	if row.Detail != "" {
		text += " (" + row.Detail + ")"
	}
	if len(row.Records) > 0 {
		text += ": " + strings.Join(row.Records, ", ")
	}
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", row.Patient, row.Name, hub, shortTime(row.Since), shortTime(row.Next), text)
	for _, f := range row.Findings {
		fmt.Fprintf(t, "\t\t\t\t\t%s %s: %s\n", f.Severity, strings.TrimSpace(f.Kind+" "+f.Record), f.Text)
	}
}

// shortTime is a time to the minute, and a dash where there is none.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

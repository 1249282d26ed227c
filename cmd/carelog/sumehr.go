package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/check"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/readable"
)

// sumehrCommand shows and checks the summaries that other doctors get.
type sumehrCommand struct {
	List  sumehrListCommand  `cmd:"" help:"List the patients whose Sumehr on the hub is not the newest, and why."`
	Show  sumehrShowCommand  `cmd:"" help:"Show the Sumehr that the dossier of a patient makes now."`
	Check sumehrCheckCommand `cmd:"" help:"Hold a Sumehr in a file against the rules."`

	Publish sumehrPublishCommand `cmd:"" help:"Try now to publish a patient's Sumehr on the hub."`
	Revoke  sumehrRevokeCommand  `cmd:"" help:"Take from the hub what was published of a patient; the wish must be off."`
	Hub     sumehrHubCommand     `cmd:"" help:"Ask the hub what it holds of a patient."`
}

// sumehrShowCommand shows what a dossier makes.
type sumehrShowCommand struct {
	deskFlags `embed:""`
	Patient   string `arg:"" help:"Id of the patient."`
	XML       bool   `help:"Print the message itself." name:"xml" xor:"form"`
	JSON      bool   `help:"Print what /api/sumehr/<patient> says." name:"json" xor:"form"`
	Language  string `help:"Language of headings and findings." enum:"nl,fr,de,en" default:"en"`
}

// Run prints the Sumehr, and what is wrong with it on the standard error.
func (c *sumehrShowCommand) Run(env *environment) error {
	if err := events.ValidateID("patient", c.Patient); err != nil {
		return usage(err)
	}
	d, err := c.connect()
	if err != nil {
		return err
	}
	path := "/api/sumehr/" + url.PathEscape(c.Patient) + "?language=" + c.Language
	if c.XML {
		return d.print(env.ctx, env.stdout, path+"&format=xml", "application/xml")
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, path, &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct {
		Sumehr   readable.Page
		Findings []struct{ Severity, Kind, Record, Text string }
		Conflict []string `json:"conflicts"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if err := answer.Sumehr.Text(env.stdout, c.Language); err != nil {
		return err
	}
	for _, record := range answer.Conflict {
		fmt.Fprintf(env.stderr, "carelog: conflict: %s: what the Sumehr says of it is not settled\n", record)
	}
	for _, f := range answer.Findings {
		printFinding(env.stderr, f.Severity, f.Kind, f.Record, f.Text)
	}
	return nil
}

func printFinding(w io.Writer, severity, kind, record, text string) {
	where := strings.TrimSpace(kind + " " + record)
	if where != "" {
		where += ": "
	}
	fmt.Fprintf(w, "carelog: %s: %s%s\n", severity, where, text)
}

// sumehrCheckCommand holds files against the rules; it needs no desk.
type sumehrCheckCommand struct {
	File     string `arg:"" help:"KMEHR message; - reads the standard input."`
	Show     bool   `help:"Print the Sumehr as it is read as well."`
	JSON     bool   `help:"Print the findings as one line of JSON." name:"json"`
	Language string `help:"Language of headings and findings." enum:"nl,fr,de,en" default:"en"`
}

// said is a finding as it is printed.
type said struct {
	check.Finding
	Severity check.Severity `json:"severity"`
	Text     string         `json:"text"`
}

// Run prints what is wrong. Where there is an error, the exit code says so.
func (c *sumehrCheckCommand) Run(env *environment) error {
	in := env.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usage(err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, kmehr.MaxSize+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", c.File, err)
	}
	message, err := kmehr.Read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.Show && !c.JSON {
		if err := readable.Of(message, c.Language).Text(env.stdout, c.Language); err != nil {
			return err
		}
	}
	findings := check.Message(message, time.Now())
	list := make([]said, len(findings))
	for i, f := range findings {
		list[i] = said{f, f.Severity(), f.Text(c.Language)}
	}
	wrong := len(check.Errors(findings))
	if c.JSON {
		if err := printJSON(env.stdout, map[string]any{"errors": wrong, "warnings": len(list) - wrong, "findings": list}); err != nil {
			return err
		}
	} else {
		for _, f := range list {
			where := ""
			if f.Item > 0 {
				where = fmt.Sprintf("item %d %s: ", f.Item, f.Kind)
			}
			fmt.Fprintf(env.stdout, "%s %s: %s%s\n", f.Severity, f.Rule, where, f.Text)
		}
		fmt.Fprintf(env.stdout, "%d errors, %d warnings\n", wrong, len(list)-wrong)
	}
	if wrong > 0 {
		return fmt.Errorf("%s breaks %d rules of a Sumehr", c.File, wrong)
	}
	return nil
}

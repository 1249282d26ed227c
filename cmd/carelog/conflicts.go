package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/carelog/carelog/events"
)

type conflictsCommand struct {
	List    conflictsListCommand    `cmd:"" default:"withargs" help:"List the records in conflict."`
	Show    conflictsShowCommand    `cmd:"" help:"Show every version of one."`
	Resolve conflictsResolveCommand `cmd:"" help:"Keep one version, or a merge."`
}

// conflict is what /api/conflicts says of a record.
type conflict struct {
	Type    string    `json:"type"`
	ID      string    `json:"id"`
	Patient string    `json:"patient"`
	Since   time.Time `json:"since"`
	Heads   []struct {
		Event   string          `json:"event"`
		Author  string          `json:"author"`
		Device  string          `json:"device"`
		Time    time.Time       `json:"time"`
		Deleted bool            `json:"deleted"`
		Content json.RawMessage `json:"content"`
	} `json:"heads"`
	Ancestor json.RawMessage `json:"ancestor"`
}

// conflictsListCommand lists conflicts.
type conflictsListCommand struct {
	deskFlags `embed:""`
	JSON      bool `help:"Print what /api/conflicts says." name:"json"`
}

// Run prints the table.
func (c *conflictsListCommand) Run(env *environment) error {
	d, err := c.connect()
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, "/api/conflicts", &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	var answer struct{ Conflicts []conflict }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("read the desk's answer: %w", err)
	}
	if len(answer.Conflicts) == 0 {
		_, err := fmt.Fprintln(env.stdout, "no conflicts")
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "RECORD\tPATIENT\tSINCE\tVERSIONS")
	for _, k := range answer.Conflicts {
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%d\n", k.Type, k.ID, k.Patient, k.Since.Local().Format(time.DateTime), len(k.Heads))
	}
	return t.Flush()
}

// conflictsShowCommand shows one conflict.
type conflictsShowCommand struct {
	deskFlags `embed:""`
	Record    string `arg:"" help:"Type/id of the record."`
	JSON      bool   `help:"Print what /api/conflicts/<Type>/<id> says." name:"json"`
}

// Run prints every version.
func (c *conflictsShowCommand) Run(env *environment) error {
	raw, k, _, err := readConflict(env, c.deskFlags, c.Record)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, raw)
	}
	if k.Since.IsZero() {
		_, err := fmt.Fprintf(env.stdout, "%s/%s is not in conflict\n", k.Type, k.ID)
		return err
	}
	fmt.Fprintf(env.stdout, "%s/%s of patient %s, in conflict since %s\n", k.Type, k.ID, k.Patient, k.Since.Local().Format(time.DateTime))
	for _, h := range k.Heads {
		fmt.Fprintf(env.stdout, "\nversion %s, by %s at %s, %s\n", h.Event, orNobody(h.Author), h.Device, h.Time.Local().Format(time.DateTime))
		if h.Deleted {
			fmt.Fprintln(env.stdout, "  deleted the record")
			continue
		}
		fmt.Fprintf(env.stdout, "  %s\n", h.Content)
	}
	if len(k.Ancestor) > 0 && string(k.Ancestor) != "null" {
		fmt.Fprintf(env.stdout, "\nshared ancestor\n  %s\n", k.Ancestor)
	}
	_, err = fmt.Fprintf(env.stdout, "\nto settle just these, and none that comes meanwhile:\n  carelog conflicts resolve%s %s/%s --heads %s --keep EVENT\n",
		c.which(), k.Type, k.ID, strings.Join(k.events(), ","))
	return err
}

// events are the ids of its versions.
func (k conflict) events() (ids []string) {
	for _, h := range k.Heads {
		ids = append(ids, h.Event)
	}
	return ids
}

func orNobody(author string) string {
	if author == "" {
		return "nobody named"
	}
	return author
}

func readConflict(env *environment, f deskFlags, record string) (json.RawMessage, conflict, *desk, error) {
	var k conflict
	r, err := events.ParseRecord(record)
	if err != nil {
		return nil, k, nil, usage(err)
	}
	d, err := f.connect()
	if err != nil {
		return nil, k, nil, err
	}
	var raw json.RawMessage
	if err := d.get(env.ctx, "/api/conflicts/"+r.String(), &raw); err != nil {
		return nil, k, nil, err
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, k, nil, fmt.Errorf("read the desk's answer: %w", err)
	}
	return raw, k, d, nil
}

// conflictsResolveCommand settles a conflict.
type conflictsResolveCommand struct {
	deskFlags `embed:""`
	Record    string   `arg:"" help:"Type/id of the record."`
	Keep      string   `help:"The version to keep." placeholder:"EVENT" xor:"choice" required:""`
	Content   string   `help:"File with a merge to keep; - reads the standard input." placeholder:"FILE" xor:"choice" required:""`
	Heads     []string `help:"The versions that were seen, as conflicts show prints them: where others stand meanwhile, nothing is settled (exit code 4). Without it all that stand at this moment are settled, also one that you have not seen." placeholder:"EVENT"`
}

// Run sends the choice.
func (c *conflictsResolveCommand) Run(env *environment) error {
	_, k, d, err := readConflict(env, c.deskFlags, c.Record)
	if err != nil {
		return err
	}
	if len(c.Heads) == 0 {
		c.Heads = k.events()
	}
	choice := map[string]any{"heads": c.Heads}
	if c.Keep != "" {
		choice["keep"] = c.Keep
	} else {
		content, err := readFileOrStdin(env, c.Content)
		if err != nil {
			return err
		}
		choice["content"] = json.RawMessage(content)
	}
	if err := d.post(env.ctx, "/api/conflicts/"+c.Record+"/resolve", choice, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "%s is settled\n", c.Record)
	return err
}

func readFileOrStdin(env *environment, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(env.stdin)
	}
	return os.ReadFile(name)
}

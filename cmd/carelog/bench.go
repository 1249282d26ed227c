package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/carelog/carelog/agent/bench"
)

// benchCommand measures this machine.
type benchCommand struct {
	Sizes []int    `help:"How many events the logs have that are replayed." default:"10000" placeholder:"N"`
	Only  []string `help:"Measure these only: offline, online, replay, live, heads." placeholder:"NAME"`
	Data  string   `help:"Folder on the disk to measure; by default that of temporary files. Nothing is left in it." placeholder:"DIR" type:"existingdir"`
	JSON  bool     `help:"Print one line of JSON for each figure." name:"json"`
}

// Run prints each figure as soon as it is known.
func (c *benchCommand) Run(env *environment) error {
	if c.Data == "" {
		c.Data = os.TempDir()
	}
	o := bench.Options{Data: c.Data, Sizes: c.Sizes, Only: c.Only}
	if err := o.Validate(); err != nil {
		return usage(err)
	}
	report := tableOf(env.stdout)
	if c.JSON {
		lines := json.NewEncoder(env.stdout)
		report = func(f bench.Figure) error { return lines.Encode(f) }
	}
	return bench.Run(env.ctx, o, report)
}

// tableOf prints figures as the lines of a table whose columns are known beforehand,
// since a figure is printed long before the next one is known.
func tableOf(out io.Writer) func(bench.Figure) error {
	const columns = "%-16s %8s %10s %10s %7s  %-9s %s\n"
	var titled error
	first := true
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	return func(f bench.Figure) error {
		if first {
			_, titled = fmt.Fprintf(out, columns, "NAME", "N", "OURS", "LIMIT", "RATIO", "UNIT", "LIMIT IS")
			first = false
		}
		_, err := fmt.Fprintf(out, columns, f.Name, strconv.Itoa(f.N), number(f.Ours), number(f.Limit), number(f.Ratio), f.Unit, f.Beside)
		return errors.Join(titled, err)
	}
}

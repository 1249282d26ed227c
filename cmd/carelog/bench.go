package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/bench"
	"github.com/carelog/carelog/agent/bench/paper"
)

// benchCommand measures this machine.
type benchCommand struct {
	Sizes []eventCount `help:"How many events the logs have that are read: 10k,100k,1M." default:"10k,100k" placeholder:"N"`
	Only  []string     `help:"Measure these only: ${subjects}." placeholder:"NAME"`
	Data  string       `help:"Folder on the disk to measure; by default that of temporary files. Nothing is left in it." placeholder:"DIR" type:"existingdir"`
	JSON  bool         `help:"Print one line of JSON for each figure." name:"json"`
	Write bool         `help:"Write the figures into BENCHMARKS.md of this folder as well, with a plot in docs."`

	// A reader in a process of its own, which the command starts by itself.
	Bare         int    `hidden:"" env:"-"`
	BarePractice string `hidden:"" env:"-"`
	BareURL      string `hidden:"" env:"-"`
}

// eventCount is a number of events as people write it.
type eventCount int

// UnmarshalText reads 500, 10k or 1M.
func (n *eventCount) UnmarshalText(text []byte) error {
	count, err := bench.ParseCount(string(text))
	*n = eventCount(count)
	return err
}

// Run prints each figure as soon as it is known.
func (c *benchCommand) Run(env *environment) error {
	if c.Data == "" {
		c.Data = os.TempDir()
	}
	if c.Bare > 0 {
		read, err := bench.ReadBare(env.ctx, c.Data, c.BarePractice, c.BareURL, c.Bare)
		return errors.Join(err, printJSON(env.stdout, read))
	}
	if c.Write && len(c.Only) > 0 {
		return usage(errors.New("--write with --only: the page has all figures of one run, or none"))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := bench.Options{Data: c.Data, Binary: self, Only: c.Only}
	for _, n := range c.Sizes {
		o.Sizes = append(o.Sizes, int(n))
	}
	if err := o.Validate(); err != nil {
		return usage(err)
	}
	show := tableOf(env.stdout)
	if c.JSON {
		lines := json.NewEncoder(env.stdout)
		show = func(f bench.Figure) error { return lines.Encode(f) }
	}
	if c.Write {
		return c.write(env, o, show)
	}
	return bench.Run(env.ctx, o, show)
}

// The page of the figures, and its plot.
const (
	benchPage = "BENCHMARKS.md"
	benchPlot = "docs/benchmarks.svg"
)

// write puts all figures of a run that came to its end on a page.
func (c *benchCommand) write(env *environment, o bench.Options, show func(bench.Figure) error) error {
	at := time.Now()
	machine, err := paper.ThisMachine(c.Data)
	if err != nil {
		return err
	}
	var figures []bench.Figure
	if err := bench.Run(env.ctx, o, func(f bench.Figure) error {
		figures = append(figures, f)
		return show(f)
	}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(benchPlot), 0o755); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return errors.Join(
		os.WriteFile(benchPlot, paper.Plot(figures), 0o644),
		os.WriteFile(benchPage, paper.Page(figures, machine, version(), at, benchPlot), 0o644),
	)
}

// subjects are the names that --only takes, for its help.
func subjects() string { return strings.Join(bench.Subjects(), ", ") }

// tableOf prints figures as the lines of a table whose columns are known beforehand,
// since a figure is printed long before the next one is known.
func tableOf(out io.Writer) func(bench.Figure) error {
	const columns = "%-18s %6s %10s %10s %7s  %-11s %s\n"
	var titled error
	first := true
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	return func(f bench.Figure) error {
		if first {
			_, titled = fmt.Fprintf(out, columns, "NAME", "N", "OURS", "LIMIT", "RATIO", "UNIT", "LIMIT IS")
			first = false
		}
		_, err := fmt.Fprintf(out, columns, f.Name, bench.Count(f.N), number(f.Ours), number(f.Limit), number(f.Ratio), f.Unit, f.Beside)
		return errors.Join(titled, err)
	}
}

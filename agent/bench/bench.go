package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Figure is one measured line.
type Figure struct {
	Name  string  `json:"name"`
	N     int     `json:"n"`     // operations, events or heads
	Ours  float64 `json:"ours"`  // in Unit
	Limit float64 `json:"limit"` // in Unit
	Ratio float64 `json:"ratio"` // ours over the limit
	Unit  string  `json:"unit"`  // ms: less is better; events/s: more is
	// Beside says what the limit is made of, for people.
	Beside string `json:"-"`
}

// Options say what is measured.
type Options struct {
	Data    string   // folder on the disk that is measured; it must exist, and is left as it was
	Sizes   []int    // events of the logs that are replayed; empty: 10,000
	Only    []string // names of Subjects; empty: all
	Samples int      // operations timed for each figure of single operations; 0: 400
	Rounds  int      // turns that ours and the limit take; 0: 5
}

const (
	defaultSize    = 10_000
	defaultSamples = 400
	defaultRounds  = 5
	leastSize      = 100
)

// Validate reports what is wrong and fills in what was left out.
func (o *Options) Validate() error {
	if o.Data == "" {
		return errors.New("no data folder: say on which disk to measure")
	}
	if len(o.Sizes) == 0 {
		o.Sizes = []int{defaultSize}
	}
	for _, n := range o.Sizes {
		if n < leastSize {
			return fmt.Errorf("a log of %d events: want %d or more", n, leastSize)
		}
	}
	for _, name := range o.Only {
		if !slices.Contains(Subjects(), name) {
			return fmt.Errorf("nothing is measured under the name %q: want some of %s", name, strings.Join(Subjects(), ", "))
		}
	}
	if o.Samples == 0 {
		o.Samples = defaultSamples
	}
	if o.Rounds == 0 {
		o.Rounds = defaultRounds
	}
	if o.Rounds < 1 || o.Samples < o.Rounds {
		return fmt.Errorf("%d samples in %d rounds: want one or more in each", o.Samples, o.Rounds)
	}
	return nil
}

// subject is one thing that is measured; it reports one figure or more.
type subject struct {
	name    string
	measure func(ctx context.Context, g *ground, report func(Figure) error) error
}

var subjects = []subject{
	{"offline", measureOffline},
	{"online", measureOnline},
	{"replay", measureReplay},
	{"live", measureLive},
	{"heads", measureHeads},
}

// Subjects are the names that Only takes, in the order in which they are measured.
func Subjects() []string {
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = s.name
	}
	return names
}

// Run measures and reports each figure as soon as it is known. Nothing of it is left
// in the data folder. An error of report ends it.
func Run(ctx context.Context, o Options, report func(Figure) error) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	for _, s := range subjects {
		if len(o.Only) > 0 && !slices.Contains(o.Only, s.name) {
			continue
		}
		if err := run(ctx, o, s, report); err != nil {
			return fmt.Errorf("measure %s: %w", s.name, err)
		}
	}
	return nil
}

// run gives a subject ground of its own, so that none is slowed by what another left.
func run(ctx context.Context, o Options, s subject, report func(Figure) error) (err error) {
	g, err := newGround(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	return s.measure(ctx, g, report)
}

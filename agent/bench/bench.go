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
	Unit  string  `json:"unit"`  // ms: less is better; of a second: more is
	// Beside says what the limit is made of, for people.
	Beside string `json:"-"`
}

// Options say what is measured.
type Options struct {
	Data    string   // folder on the disk that is measured; it must exist, and is left as it was
	Binary  string   // carelog itself, for what runs in processes of their own
	Sizes   []int    // events of the logs that are read; empty: 10,000 and 100,000
	Only    []string // names of Subjects; empty: all
	Samples int      // operations timed for each figure of single operations; 0: 400
	Rounds  int      // turns that ours and the limit take, fewer with large logs; 0: 5
	Queued  int      // events that wait in the outbox when a desk reconnects; 0: 10,000
	News    int      // events that are new at a log-in; 0: 2,000
}

const (
	defaultSamples = 400
	defaultRounds  = 5
	defaultQueued  = 10_000
	defaultNews    = 2000
	leastSize      = 100
)

// Validate reports what is wrong and fills in what was left out.
func (o *Options) Validate() error {
	if o.Data == "" {
		return errors.New("no data folder: say on which disk to measure")
	}
	if o.Binary == "" {
		return errors.New("no program: say which carelog runs the broker")
	}
	if len(o.Sizes) == 0 {
		o.Sizes = []int{10_000, 100_000}
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
	for value, otherwise := range map[*int]int{
		&o.Samples: defaultSamples, &o.Rounds: defaultRounds, &o.Queued: defaultQueued, &o.News: defaultNews,
	} {
		if *value == 0 {
			*value = otherwise
		}
	}
	if o.Rounds < 1 || o.Samples < o.Rounds || o.Queued < 1 || o.News < 1 {
		return fmt.Errorf("%d samples in %d rounds, %d queued, %d new: want one or more in each", o.Samples, o.Rounds, o.Queued, o.News)
	}
	return nil
}

func (o *Options) wants(s subject) bool { return len(o.Only) == 0 || slices.Contains(o.Only, s.name) }

// subject is one thing that is measured; it reports one figure or more.
type subject struct {
	name    string
	measure func(ctx context.Context, g *ground, report func(Figure) error) error
	needs   needs
}

// single are measured once, whatever the sizes.
var single = []subject{
	{name: "offline", measure: measureOffline},
	{name: "online", measure: measureOnline},
	{name: "live", measure: measureLive},
	{name: "heads", measure: measureHeads},
	{name: "reconnect", measure: measureReconnect},
	{name: "door", measure: measureDoor},
}

// sized are measured with a log of each size, in this order: those that must not find a
// snapshot come before it is made, and those that write to the log come last.
var sized = []subject{
	{"replay", measureReplay, needs{}},
	{"dossier", measureDossier, needs{}},
	{"search", measureSearch, needs{desks: 1, bare: true}}, // it completes an index, which is then among the bytes of a desk
	{"conflicts", measureConflicts, needs{desks: 1, bare: true}},
	{"disk", measureDisk, needs{desks: 1, bare: true}},
	{"memory", measureMemory, needs{}},
	{"busy", measureBusy, needs{desks: 2}},
	{"snapshot", measureSnapshot, needs{desks: 1}},
	{"making", measureMaking, needs{}},
	{"login", measureLogin, needs{desks: 1}},
}

// Subjects are the names that Only takes, in the order in which they are measured.
func Subjects() []string {
	var names []string
	for _, s := range slices.Concat(single, sized) {
		names = append(names, s.name)
	}
	return names
}

// Run measures and reports each figure as soon as it is known. Nothing of it is left
// in the data folder. An error of report ends it.
func Run(ctx context.Context, o Options, report func(Figure) error) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	for _, s := range single {
		if !o.wants(s) {
			continue
		}
		if err := o.measure(ctx, nil, []subject{s}, report); err != nil {
			return err
		}
	}
	earlier := make(map[int]float64)
	for _, n := range o.Sizes {
		if err := o.measure(ctx, &library{size: n, costs: earlier}, sized, report); err != nil {
			return fmt.Errorf("with %d events: %w", n, err)
		}
	}
	return nil
}

// measure gives subjects ground of their own, so that none is slowed by what others
// left. Where they read a log, it is filled once for all of them.
func (o Options) measure(ctx context.Context, l *library, list []subject, report func(Figure) error) (err error) {
	list = slices.DeleteFunc(slices.Clone(list), func(s subject) bool { return !o.wants(s) })
	if len(list) == 0 {
		return nil
	}
	g, err := newGround(ctx, o)
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if l != nil {
		g.library, l.ground = l, g
		if err := l.fill(ctx); err != nil {
			return fmt.Errorf("fill a log: %w", err)
		}
	}
	for i, s := range list {
		if err := g.library.keepFor(list[i:]); err != nil {
			return fmt.Errorf("make room for %s: %w", s.name, err)
		}
		if err := s.measure(ctx, g, report); err != nil {
			return fmt.Errorf("measure %s: %w", s.name, err)
		}
	}
	return nil
}

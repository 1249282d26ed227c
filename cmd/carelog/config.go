package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/alecthomas/kong"
)

// configFlag names a configuration file. It is read before the flags are, so that a
// flag or a variable overrides it.
type configFlag string

// BeforeResolve hands the file's lines to the parser.
func (c configFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFlag))
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	values, err := parseConfig(f)
	if err != nil {
		return fmt.Errorf("read the configuration %s: %w", path, err)
	}
	ctx.AddResolver(configValues(values))
	return nil
}

// parseConfig reads lines of "name value". Empty lines and those that begin with #
// are passed over; the rest of a line is the value as it stands.
func parseConfig(r io.Reader) (map[string]string, error) {
	values := make(map[string]string)
	lines := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("line %d: want \"name value\", got %q", n, line)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("line %d: %s stands twice", n, name)
		}
		values[name] = strings.TrimSpace(value)
	}
	return values, lines.Err()
}

// configValues answers for flags what a file said of them.
type configValues map[string]string

// Validate refuses names that no flag has: a typing error must not pass silently.
func (v configValues) Validate(app *kong.Application) error {
	names := make(map[string]bool)
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			names[f.Name] = true
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(app.Node)
	var unknown []string
	for name := range v {
		if !names[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fmt.Errorf("the configuration sets %s, which no flag is called", strings.Join(unknown, ", "))
	}
	return nil
}

// Resolve returns the value for a flag, or nothing. A flag on the command line is not
// asked for; a variable is, and wins over the file.
func (v configValues) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	for _, variable := range f.Envs {
		if _, set := os.LookupEnv(variable); set {
			return nil, nil
		}
	}
	if value, ok := v[f.Name]; ok {
		return value, nil
	}
	return nil, nil
}

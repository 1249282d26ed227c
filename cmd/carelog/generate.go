package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/carelog/carelog/agent/synthetic"
)

// generateCommand writes a synthetic practice.
type generateCommand struct {
	Patients int    `help:"How many patients." default:"200"`
	Seed     uint64 `help:"The same seed gives the same bytes." default:"1"`
	Out      string `help:"File to write; by default the standard output." placeholder:"FILE" type:"path"`
}

// Run writes one resource a line.
func (c *generateCommand) Run(env *environment) (err error) {
	if c.Patients < 1 {
		return usage(fmt.Errorf("--patients %d: want 1 or more", c.Patients))
	}
	out := env.stdout
	if c.Out != "" {
		f, err := os.Create(c.Out)
		if err != nil {
			return fmt.Errorf("write the practice: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	w := bufio.NewWriterSize(out, 1<<20)
	for r := range synthetic.Generate(env.ctx, synthetic.Options{Patients: c.Patients, Seed: c.Seed}) {
		w.Write(r.Body)
		if err := w.WriteByte('\n'); err != nil {
			return fmt.Errorf("write the practice: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the practice: %w", err)
	}
	return env.ctx.Err()
}

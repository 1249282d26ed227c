package main

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// probeCommand asks for health where there is no shell and no curl.
type probeCommand struct {
	URL     string        `arg:"" help:"Such as http://127.0.0.1:7878/readyz of a desk, or /healthz of the broker's monitoring."`
	Timeout time.Duration `help:"How long to wait for the answer." default:"5s"`
}

// Run asks once.
func (c *probeCommand) Run(env *environment) error {
	if err := checkWeb(c.URL); err != nil {
		return usage(fmt.Errorf("%s: %w", c.URL, err))
	}
	r, err := http.NewRequestWithContext(env.ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: c.Timeout}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return codedError{exitUnreachable, err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return codedError{exitUnreachable, err}
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", c.URL, answer.Status, text)
	}
	_, err = env.stdout.Write(text)
	return err
}

package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/projections/sumehr"
)

// hubFlags say on which hub a desk publishes Sumehrs, and in whose name.
type hubFlags struct {
	URL     string        `name:"hub" help:"Hub on which Sumehrs are published: one of carelog hub, on this PC; that of eHealth needs a certificate, for which there is no adapter yet." placeholder:"URL"`
	Author  []string      `name:"hub-author" help:"Number at the national health insurance of a care provider who has a session with the hub at this desk; without any, everybody has." placeholder:"NIHII"`
	Quiet   time.Duration `name:"hub-quiet" help:"How long a dossier rests before its Sumehr is published." default:"10s"`
	Longest time.Duration `name:"hub-longest" help:"How far apart tries grow while the hub fails." default:"15m"`
	Timeout time.Duration `name:"hub-timeout" help:"How long the hub may take for an answer." default:"20s"`
	Lease   time.Duration `name:"hub-lease" help:"How long a desk that dies while it publishes keeps the others of the practice from it: at least twice as long as an answer may take." default:"1m"`
}

// validate refuses times that are none, and a hub to which messages would go unsealed over a network.
func (f hubFlags) validate() error {
	if f.Quiet < 0 || f.Longest <= 0 || f.Timeout <= 0 || f.Timeout > f.Lease/2 {
		return usage(fmt.Errorf("--hub-quiet %v, --hub-longest %v, --hub-timeout %v, --hub-lease %v: want no negative times, and a timeout of at most half of the lease", f.Quiet, f.Longest, f.Timeout, f.Lease))
	}
	if f.URL == "" {
		return nil
	}
	at, err := url.Parse(f.URL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return usage(fmt.Errorf("--hub %s: want http://address:port/", f.URL))
	}
	if ip := net.ParseIP(at.Hostname()); at.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usage(fmt.Errorf("--hub %s: Sumehrs would go there unsealed and in nobody's name, since there is no adapter for eHealth's certificates yet: use a hub on this PC (carelog hub)", f.URL))
	}
	return nil
}

// publisher is what publishes at a desk.
func (f hubFlags) publisher(a *agent.Agent, practice []byte, log *slog.Logger) *publish.Publisher {
	return publish.New(publish.Config{
		Desk: a, Records: a.Store(), URL: f.URL, Hub: sumehr.Vitalink, HTTP: &http.Client{Timeout: f.Timeout},
		Sessions: hub.Trusting{Only: f.Author}, Practice: practice, Software: "carelog " + version(),
		Quiet: max(f.Quiet, time.Millisecond), Retry: min(f.Longest, 5*time.Second), Longest: f.Longest, Lease: f.Lease, Logger: log,
	})
}

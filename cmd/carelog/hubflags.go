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
}

// validate refuses a hub to which messages would go unsealed over a network.
func (f hubFlags) validate() error {
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
	if f.Quiet < 0 || f.Longest <= 0 || f.Timeout <= 0 || f.Timeout > maxHubTimeout {
		return usage(fmt.Errorf("--hub-quiet %v, --hub-longest %v, --hub-timeout %v: want no negative times, and a timeout of at most %v", f.Quiet, f.Longest, f.Timeout, maxHubTimeout))
	}
	return nil
}

// maxHubTimeout is well under the minute that the lease of the publisher lasts.
const maxHubTimeout = 30 * time.Second

// publisher is what publishes at a desk.
func (f hubFlags) publisher(a *agent.Agent, practice []byte, log *slog.Logger) *publish.Publisher {
	return publish.New(publish.Config{
		Desk: a, Records: a.Store(), URL: f.URL, Hub: sumehr.Vitalink, HTTP: &http.Client{Timeout: f.Timeout},
		Sessions: hub.Trusting{Only: f.Author}, Practice: practice, Software: "carelog " + version(),
		Quiet: max(f.Quiet, time.Millisecond), Retry: min(f.Longest, 5*time.Second), Longest: f.Longest, Logger: log,
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/events"
)

// Files of a desk's data folder, beside the agent's own.
const (
	enrolmentFile = "enrolment.json"
	tokenFile     = "token"
	addressFile   = "url"
	sessionsFile  = "sessions"
	exportsFolder = "export-jobs"
	trailFolder   = "trail"
)

// agentCommand runs a desk.
type agentCommand struct {
	Data      string        `help:"Folder of this desk." required:"" placeholder:"DIR" type:"path"`
	Enrolment string        `help:"Enrolment of this device; needed at the first start only." placeholder:"FILE" type:"path"`
	Listen    string        `help:"Loopback address of the pages and of the FHIR door." default:"127.0.0.1:7878"`
	Headless  bool          `help:"Offer no pages and no doors but the status: a copy of the practice's records on a server."`
	User      string        `help:"Practitioner id in whose name changes are made that name nobody." placeholder:"ID"`
	Broker    []string      `help:"Where the broker is, instead of what the enrolment says." placeholder:"URL"`
	Interval  time.Duration `help:"How often the desk compares its log with the server's." default:"2s"`
	Patience  time.Duration `help:"How long a change waits for the server before it is queued." default:"5s"`
	JSON      bool          `help:"Print one line of JSON when the desk is ready." name:"json"`

	SnapshotEvery int `help:"Make a snapshot when the log has grown by so many events since the last; negative (as in --snapshot-every=-1): neither make nor take any." default:"50000"`

	Hub hubFlags `embed:""`

	AttachmentRoom int64 `help:"Megabytes of this disk for letters and scans that the server has as well." default:"2048"`
}

// Run runs the desk until it is told to stop.
func (c *agentCommand) Run(env *environment) (err error) {
	if err := checkBrokers("broker", c.Broker); err != nil {
		return err
	}
	if c.Interval <= 0 || c.Patience <= 0 {
		return usage(fmt.Errorf("--interval %v and --patience %v: want more than 0s", c.Interval, c.Patience))
	}
	if c.AttachmentRoom < 1 || c.AttachmentRoom > 1<<30 {
		return usage(fmt.Errorf("--attachment-room %d: want 1 or more megabytes", c.AttachmentRoom))
	}
	if c.User != "" {
		if err := events.ValidateID("user", c.User); err != nil {
			return usage(err)
		}
	}
	if err := c.Hub.validate(); err != nil {
		return err
	}
	if err := ownFolder(c.Data, ofDesk); err != nil {
		return err
	}
	given, first, err := takeEnrolment(c.Data, c.Enrolment)
	if err != nil {
		return err
	}
	e := given
	if len(c.Broker) > 0 {
		e.URLs = c.Broker
	}
	config := agent.Config{Data: c.Data, Enrolment: e, Logger: env.log, Interval: c.Interval, Patience: c.Patience, Lease: c.Hub.Lease, SnapshotEvery: c.SnapshotEvery,
		AttachmentRoom: c.AttachmentRoom << 20}
	// Before the data is opened: that a port is taken should be known first.
	listener, err := listenLoopback(c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	a, err := agent.Open(env.ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if first {
		// Not before the folder was found to be of this device: a wrong file would shut out the right one.
		if err := given.Save(filepath.Join(c.Data, enrolmentFile)); err != nil {
			return err
		}
	}
	return c.serve(env, a, e, listener)
}

// serve runs the agent and its doors side by side; each ends the other.
func (c *agentCommand) serve(env *environment, a *agent.Agent, e enrolment.Enrolment, listener net.Listener) (err error) {
	base := "http://" + listener.Addr().String()
	token, err := ownToken(filepath.Join(c.Data, tokenFile))
	if err != nil {
		return err
	}
	d, err := c.openDoors(env, a, e, token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	server := d.server(a, c.Headless)
	if err := os.WriteFile(filepath.Join(c.Data, addressFile), []byte(base+"\n"), 0o600); err != nil {
		return fmt.Errorf("note the desk's address: %w", err)
	}
	if err := c.announce(env, e, base, token, d.guard); err != nil {
		return err
	}
	bar := progressOn(env, c.JSON)
	draw := func(ctx context.Context) error { bar.follow(ctx, a); return nil }
	return runTogether(env.ctx, a.Run, draw, d.sumehrs.Run, d.trail.Share, d.publish, func(ctx context.Context) error { return serveUntil(ctx, server, listener, finishWithin) })
}

func (c *agentCommand) announce(env *environment, e enrolment.Enrolment, base, token string, g *guard.Guard) error {
	if c.JSON {
		return printJSON(env.stdout, map[string]any{"name": e.DeviceName, "url": base, "token": token, "link": g.Link(base)})
	}
	if c.Headless {
		_, err := fmt.Fprintf(env.stdout, "headless desk %s of practice %s is ready; its status is at %s/api/status\n", e.DeviceName, e.Practice, base)
		return err
	}
	_, err := fmt.Fprintf(env.stdout, "desk %s of practice %s is ready; open it once with\n  %s\n", e.DeviceName, e.Practice, g.Link(base))
	return err
}

// Bounds of what is read of a refused request: its bytes, and how long they may take. One whose
// body stops on its way would else be waited for as long as its connection stands.
const (
	maxHeard     = 64 << 20
	maxHeardTime = time.Minute
)

// heardOut reads what a handler left of a request, within a time. A client that is still sending
// would else find its connection reset, and never see the answer that says why.
func heardOut(next http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &begunBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		// A body that nobody asked for and that waits for "100 Continue" never comes.
		if body.ended || !body.begun && r.Header.Get("Expect") != "" {
			return
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(within))
		_, _ = io.CopyN(io.Discard, body, maxHeard)
		if body.ended {
			_ = control.SetReadDeadline(time.Time{}) // the next request has a time of its own
		}
	})
}

// begunBody knows whether somebody began to read it, and came to its end.
type begunBody struct {
	io.ReadCloser
	begun, ended bool
}

func (b *begunBody) Read(p []byte) (int, error) {
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF
	return n, err
}

// finishWithin is how long the requests under way may take at the end.
const finishWithin = 10 * time.Second

// serveUntil serves until ctx ends, then lets the requests under way finish. One that takes
// longer than within is cut off and answered no more, as in a power cut. None is under way
// when it returns.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener, within time.Duration) error {
	var underWay sync.WaitGroup
	defer underWay.Wait()
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		underWay.Add(1)
		defer underWay.Done()
		next.ServeHTTP(w, r)
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve the doors: %w", err), server.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed
	return err
}

// runTogether runs parts until one returns, ends the others, and waits for all.
func runTogether(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(parts))
	for _, part := range parts {
		go func() {
			defer cancel()
			results <- part(ctx)
		}()
	}
	var errs []error
	for range parts {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// takeEnrolment reads the desk's enrolment: the one in its folder, or at the first start the
// one that is given, which the folder does not have yet.
func takeEnrolment(data, file string) (e enrolment.Enrolment, first bool, err error) {
	kept := filepath.Join(data, enrolmentFile)
	if file == "" {
		e, err = loadEnrolment(kept)
		return e, false, err
	}
	given, err := loadEnrolment(file)
	if err != nil {
		return enrolment.Enrolment{}, false, err
	}
	have, err := enrolment.Load(kept)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return given, true, nil
	case err != nil:
		return enrolment.Enrolment{}, false, err
	case have.Practice != given.Practice || have.Device != given.Device:
		return enrolment.Enrolment{}, false, codedError{exitForeign, fmt.Errorf("%s belongs to device %s of practice %s, and the enrolment is for device %s of practice %s: use another folder",
			data, have.Device, have.Practice, given.Device, given.Practice)}
	}
	return have, false, nil
}

// loadEnrolment reads an enrolment. That there is none, or that it is none, is a matter of configuration; that the disk cannot be read is not.
func loadEnrolment(path string) (enrolment.Enrolment, error) {
	e, err := enrolment.Load(path)
	var unread *fs.PathError
	if err != nil && (!errors.As(err, &unread) || errors.Is(err, fs.ErrNotExist)) {
		err = usage(err)
	}
	return e, err
}

// listenLoopback listens, on loopback only.
func listenLoopback(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usage(fmt.Errorf("--listen %s: the doors are for this PC only; use 127.0.0.1 or [::1]", address))
	}
	return listen("desk", address)
}

// ownToken reads the desk's token, and makes it at the first start.
func ownToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		token := guard.NewToken()
		return token, enrolment.WriteSecret(path, []byte(token+"\n"))
	}
	if err != nil {
		return "", fmt.Errorf("read the desk's token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < guard.MinToken {
		return "", fmt.Errorf("the desk's token in %s was cut short: delete the file, start again, and give the new token to the EHR", path)
	}
	return token, nil
}

func probeHandler(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

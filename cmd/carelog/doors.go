package main

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/bulk"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/guard"
	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/agent/publish"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/agent/web"
)

// doors are the ways into a desk, and what they keep beside the agent's files.
type doors struct {
	guard   *guard.Guard
	fhir    *fhir.Handler
	pages   *web.Handler
	trail   *trail.Trail
	exports *bulk.Jobs
	sumehrs *behind.Table
	hub     *publish.Publisher // nil: no hub is set up
}

// openDoors makes the doors of a desk.
func (c *agentCommand) openDoors(env *environment, a *agent.Agent, e enrolment.Enrolment, token string) (d *doors, err error) {
	d = &doors{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.trail, err = trail.Open(trail.Config{
		Folder: filepath.Join(c.Data, trailFolder), Logger: env.log, Device: e.Device, Practice: trailOf(a, e),
	}); err != nil {
		return d, err
	}
	if d.exports, err = bulk.Open(bulk.Config{Folder: filepath.Join(c.Data, exportsFolder), Records: a.Store(), Logger: env.log}); err != nil {
		return d, err
	}
	if d.guard, err = guard.Open(guard.Config{
		Token: token, Author: c.User, Sessions: filepath.Join(c.Data, sessionsFile), Logger: env.log,
		LinkCommand: "carelog link --data " + shellWord(c.Data),
		LoggedIn:    func() { d.trail.Add(trail.Entry{Agent: c.User, Door: "pages", Did: trail.LogIn}) },
	}); err != nil {
		return d, err
	}
	table := behind.Config{Desk: a, Records: a.Store(), Logger: env.log}
	pages := web.Config{Desk: a, Records: a.Records(), Trail: d.trail, Intake: intake.NewDossiers(a, a.Records()), Attachments: a, Logger: env.log}
	if c.Hub.URL != "" {
		d.hub = c.Hub.publisher(a, e.PracticeKey, env.log)
		table.Hub, pages.Publisher = d.hub, d.hub
	}
	d.sumehrs = behind.New(table)
	d.fhir = fhir.New(fhir.Config{
		Desk: a, Records: a.Records(), Attachments: a, Author: guard.Author, Version: version(), Started: time.Now(), Logger: env.log,
		Changed: a.Changed, Exports: d.exports, Trail: d.trail,
	})
	pages.Sumehrs, pages.FHIR = d.sumehrs, d.fhir
	d.pages = web.New(pages)
	return d, nil
}

// trailOf is how the trail of a desk reaches those of the others.
func trailOf(a *agent.Agent, e enrolment.Enrolment) *trail.Practice {
	return &trail.Practice{
		ID: e.Practice, Key: e.PracticeKey, Sign: e.SigningKey(), Trusted: a.DeviceKey, Busy: a.Owes,
		Server: func() trail.Server {
			if server := a.Looks(); server != nil {
				return server
			}
			return nil
		},
	}
}

// publish keeps the Sumehrs on the hub, if there is one, until ctx ends.
func (d *doors) publish(ctx context.Context) error {
	if d.hub == nil {
		<-ctx.Done()
		return nil
	}
	return d.hub.Run(ctx, d.sumehrs)
}

// close ends what the doors keep. No request may be under way.
func (d *doors) close() error {
	var errs []error
	if d.exports != nil {
		errs = append(errs, d.exports.Close())
	}
	if d.trail != nil {
		errs = append(errs, d.trail.Close())
	}
	return errors.Join(errs...)
}

// noPages answers whoever knocks at a door that a headless desk does not have.
func noPages(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this desk is headless: it has no pages, and no doors but its status", http.StatusNotFound)
}

// maxHeaderTime is how long the header of a request may take.
const maxHeaderTime = 10 * time.Second

// newServer lets go whoever needs longer than that for the header of a request, and who asks nothing more.
func newServer(handler http.Handler, header time.Duration) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: header, IdleTimeout: 2 * time.Minute}
}

// server serves the doors; a headless desk has none but the status and the snapshots.
func (d *doors) server(a *agent.Agent, headless bool) *http.Server {
	mux := http.NewServeMux()
	var doors http.Handler = mux
	mux.Handle("/healthz", probeHandler(func(context.Context) error { return nil }))
	mux.Handle("/readyz", probeHandler(func(ctx context.Context) error { _, err := a.Status(ctx); return err }))
	mux.Handle("/api/status", d.pages)
	mux.Handle("/api/snapshot", d.pages)
	if headless {
		mux.HandleFunc("/", noPages)
	} else {
		doors = d.fhir.Before(mux)
		files := intake.NewDoor(a, a.Records(), guard.Author)
		mux.Handle(intake.Path, files)
		mux.Handle(intake.Path+"/", files)
		mux.Handle("/", d.pages)
	}
	server := newServer(heardOut(d.guard.Handler(doors), maxHeardTime), maxHeaderTime)
	server.RegisterOnShutdown(d.pages.Close)
	server.RegisterOnShutdown(d.fhir.Close)
	return server
}

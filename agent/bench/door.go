package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/fhir"
	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
)

// measureDoor is what an EHR waits for at the FHIR door of a green desk, over HTTP on
// loopback, with the trail of looks that a desk keeps.
func measureDoor(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	d, err := openDoor(ctx, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	for _, measure := range []func(context.Context, *ground, func(Figure) error) error{
		d.measureCreate, d.measureTransaction, d.measureRead, d.measureEverything, d.measureClients,
	} {
		if err := measure(ctx, g, report); err != nil {
			return err
		}
	}
	return nil
}

// door is a desk that registrations are made at, behind its FHIR door.
type door struct {
	*doorway
	desk   *desk
	drafts func() (agent.Draft, error, bool)
	end    func()

	other enrolment.Sheet // of a practice that no desk reads
	conn  *nats.Conn      // to its streams
}

func openDoor(ctx context.Context, g *ground) (_ *door, err error) {
	d := &door{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.drafts, d.end = iter.Pull2(drafts(ctx, g.seed()))
	practice, err := g.practice(ctx)
	if err != nil {
		return nil, err
	}
	if d.desk, err = g.greenDesk(ctx, practice); err != nil {
		return nil, err
	}
	if d.other, err = g.practice(ctx); err != nil {
		return nil, err
	}
	if d.conn, err = g.dial(d.other); err != nil {
		return nil, err
	}
	d.doorway, err = openDoorway(d.desk, g.file("trail"))
	return d, err
}

func (d *door) close() error {
	d.end()
	var errs []error
	if d.doorway != nil {
		errs = append(errs, d.doorway.close())
	}
	if d.conn != nil {
		d.conn.Close()
	}
	if d.desk != nil {
		errs = append(errs, d.desk.close())
	}
	return errors.Join(errs...)
}

// doorway is the FHIR door of a desk, and a client of it.
type doorway struct {
	trail  *trail.Trail
	server *http.Server
	served chan error
	client *http.Client
	url    string
}

func openDoorway(desk *desk, folder string) (*doorway, error) {
	looks, err := trail.Open(trail.Config{Folder: folder})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, looks.Close())
	}
	handler := fhir.New(fhir.Config{Desk: desk.Agent, Records: desk.Records(), Attachments: desk.Agent, Trail: looks,
		Author: func(*http.Request) string { return author }, Started: time.Now()})
	d := &doorway{
		trail: looks, server: &http.Server{Handler: handler, ReadHeaderTimeout: patience}, served: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}, Timeout: patience},
		url:    "http://" + listener.Addr().String() + fhir.Root,
	}
	go func() { d.served <- d.server.Serve(listener) }()
	return d, nil
}

func (d *doorway) close() error {
	d.client.CloseIdleConnections()
	err := d.server.Close()
	if served := <-d.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, d.trail.Close())
}

// ask sends a request, reads its answer to the end, and wants a status.
func (d *doorway) ask(ctx context.Context, want int, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != want {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, fmt.Errorf("%s %s: %s, want %d: %s", method, path, answer.Status, want, said)
	}
	answer.ContentLength, err = io.Copy(io.Discard, answer.Body)
	return answer, err
}

// draw takes the next record of the synthetic practice, of any type but the given ones.
func (d *door) draw(but ...string) (agent.Draft, error) {
	for {
		draft, err, _ := d.drafts()
		if err != nil || !strings.Contains(strings.Join(but, " ")+" ", draft.Record.Type+" ") {
			return draft, err
		}
	}
}

// written is the message of what a request has written, once the desk has read it in the
// log: a person writes at a desk that has.
func (d *door) written(ctx context.Context, location string) (events.Message, error) {
	steps := strings.Split(location, "/")
	if len(steps) < 4 {
		return events.Message{}, fmt.Errorf("what was written has the location %q", location)
	}
	steps = steps[len(steps)-4:]
	id, err := events.ParseID(steps[3])
	if err != nil {
		return events.Message{}, err
	}
	r := events.Record{Type: steps[0], ID: steps[1]}
	if err := d.desk.await(ctx, func() (bool, error) {
		v, err := d.desk.Store().Version(ctx, r, id)
		return v.Sequence > 0, err
	}); err != nil {
		return events.Message{}, err
	}
	return d.desk.wire(ctx, r, id)
}

// clients is how many ask at once.
const clients = 64

// measureClients lets many clients register and read at once, and wants every one of their
// requests answered as it should be. Beside it stands one client that does the same alone.
func (d *door) measureClients(ctx context.Context, g *ground, report func(Figure) error) error {
	each := max(g.Samples/clients, 1)
	var alone, together series
	if err := alone.clock(func() error { return d.visit(ctx, each*2) }); err != nil {
		return err
	}
	err := together.clock(func() error {
		errs := make([]error, clients)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = d.visit(ctx, each) })
		}
		all.Wait()
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	n := clients * each * visitRequests
	return report(figure("door-clients", n, rate(n, together[0]), rate(2*each*visitRequests, alone[0]), "requests/s", "one client alone"))
}

// visitRequests is how many requests a visit makes.
const visitRequests = 4

// visit registers a patient and an allergy, and reads and searches them, n times.
func (d *door) visit(ctx context.Context, n int) error {
	for range n {
		answer, err := d.ask(ctx, http.StatusCreated, "POST", "/Patient", []byte(`{"resourceType":"Patient","name":[{"family":"Peeters"}]}`))
		if err != nil {
			return err
		}
		steps := strings.Split(answer.Header.Get("Location"), "/")
		patient := "Patient/" + steps[len(steps)-3]
		allergy := `{"resourceType":"AllergyIntolerance","patient":{"reference":"` + patient + `"},"code":{"text":"penicillin"}}`
		if _, err := d.ask(ctx, http.StatusCreated, "POST", "/AllergyIntolerance", []byte(allergy)); err != nil {
			return err
		}
		if _, err := d.ask(ctx, http.StatusOK, "GET", "/"+patient, nil); err != nil {
			return err
		}
		if _, err := d.ask(ctx, http.StatusOK, "GET", "/AllergyIntolerance?patient="+patient, nil); err != nil {
			return err
		}
	}
	return nil
}

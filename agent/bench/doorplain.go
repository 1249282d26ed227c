package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/carelog/carelog/agent"
)

// writeBehind clocks a write of the desk itself, asked for over HTTP.
func (d *door) writeBehind(ctx context.Context, p *plainDoor, took *series) error {
	draft, err := d.draw("Binary")
	if err != nil {
		return err
	}
	p.drafts <- draft
	if err := took.clock(func() error {
		answer, err := d.client.Post(p.url, "application/json", bytes.NewReader(draft.Body))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	}); err != nil {
		return err
	}
	w := <-p.written
	return errors.Join(w.err, d.desk.reach(ctx, w.Sequence))
}

// plainDoor is an HTTP server that has the desk write and does nothing else. It asks after
// no type and no id: the next draft is told to it.
type plainDoor struct {
	desk    *desk
	url     string
	drafts  chan agent.Draft
	written chan plainlyWritten
	server  *http.Server
	served  chan error
}

type plainlyWritten struct {
	agent.Written
	err error
}

func (d *door) openPlain() (*plainDoor, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &plainDoor{desk: d.desk, url: "http://" + listener.Addr().String(), drafts: make(chan agent.Draft, 1), written: make(chan plainlyWritten, 1), served: make(chan error, 1)}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: patience}
	go func() { p.served <- p.server.Serve(listener) }()
	return p, nil
}

func (p *plainDoor) close() error {
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// ServeHTTP writes the body that was sent as the draft that was told, and sends it back.
func (p *plainDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	draft := <-p.drafts
	var made plainlyWritten
	if draft.Body, made.err = io.ReadAll(r.Body); made.err == nil {
		made.Written, made.err = p.desk.Write(r.Context(), draft)
	}
	p.written <- made
	_, _ = w.Write(draft.Body) // who went away does not ask
}

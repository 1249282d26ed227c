package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// measureRead is a read at the door. Beside it stands the record out of the projection.
func (d *door) measureRead(ctx context.Context, g *ground, report func(Figure) error) error {
	list := make([]agent.Draft, g.Samples+warming)
	for i := range list {
		var err error
		if list[i], err = d.draw("Binary"); err != nil {
			return err
		}
	}
	if _, err := d.desk.WriteMany(ctx, list); err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	var ours, limit series
	for n, draft := range list {
		if n == warming {
			ours, limit = nil, nil
		}
		if err := errors.Join(
			ours.clock(func() error {
				_, err := d.ask(ctx, http.StatusOK, "GET", "/"+draft.Record.String(), nil)
				return err
			}),
			limit.clock(func() error { _, err := d.desk.Store().Record(ctx, draft.Record); return err }),
		); err != nil {
			return err
		}
	}
	return report(inTime("door-read", len(ours), ours.median(), limit.median(), "the record out of the projection"))
}

// largePatient has the large dossier.
const largePatient = "large"

// noteSize is how many bytes of text a record of the large dossier has at least: about as
// much as the resources of a hospital's record.
const noteSize = 1500

// measureEverything is $everything of a large dossier. Beside it stands a plain copy of
// as many bytes over such a connection.
func (d *door) measureEverything(ctx context.Context, g *ground, report func(Figure) error) error {
	if err := d.fillDossier(ctx, g.Queued); err != nil {
		return err
	}
	var ours, limit series
	var size int64
	for range g.Rounds {
		if err := ours.clock(func() error {
			answer, err := d.ask(ctx, http.StatusOK, "GET", "/Patient/"+largePatient+"/$everything", nil)
			if err == nil {
				size = answer.ContentLength
			}
			return err
		}); err != nil {
			return err
		}
		if err := copyOver(ctx, size, &limit); err != nil {
			return err
		}
	}
	megabytes := func(s series) float64 { return float64(size) / 1e6 / s.median().Seconds() }
	return report(figure("door-everything", g.Queued, megabytes(ours), megabytes(limit), "MB/s", "a plain copy of as many bytes over loopback"))
}

// fillDossier writes a dossier of n records with notes.
func (d *door) fillDossier(ctx context.Context, n int) error {
	drafts := []agent.Draft{{Record: events.Record{Type: "Patient", ID: largePatient}, Patient: largePatient, Author: author,
		Body: []byte(`{"resourceType":"Patient","id":"` + largePatient + `","name":[{"family":"Peeters"}]}`)}}
	for i := range n {
		var note strings.Builder
		for note.Len() < noteSize { // of other records, so that it packs as what people write
			other, err := d.draw("Binary")
			if err != nil {
				return err
			}
			note.WriteString(strings.ReplaceAll(string(other.Body), `"`, " "))
		}
		r := events.Record{Type: "Observation", ID: fmt.Sprint("large-", i)}
		drafts = append(drafts, agent.Draft{Record: r, Patient: largePatient, Author: author, Body: fmt.Appendf(nil,
			`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":"visit"},"subject":{"reference":"Patient/%s"},"performer":[{"reference":"Practitioner/%s"}],"note":[{"text":%q}]}`,
			r.ID, largePatient, author, note.String())})
	}
	outcomes, err := d.desk.WriteMany(ctx, drafts)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.Err != nil {
			return o.Err
		}
	}
	return d.settle(ctx)
}

// settle waits until the desk is at rest: all is sent, and indexed.
func (d *door) settle(ctx context.Context) error {
	if err := d.desk.Prove(ctx); err != nil {
		return err
	}
	return d.desk.await(ctx, func() (bool, error) {
		at, err := d.desk.Store().Indexed(ctx)
		return at.Complete(), err
	})
}

// copyOver clocks a plain answer of so many bytes.
func copyOver(ctx context.Context, size int64, took *series) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	block := make([]byte, 128<<10)
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for left := size; left > 0; left -= int64(len(block)) {
			if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
				return
			}
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() { _ = server.Close(); <-served }()
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+listener.Addr().String(), nil)
	if err != nil {
		return err
	}
	return took.clock(func() error {
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		n, err := io.Copy(io.Discard, answer.Body)
		if err == nil && n != size {
			err = fmt.Errorf("the copy has %d bytes, want %d", n, size)
		}
		return err
	})
}

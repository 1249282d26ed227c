package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/events"
)

// measureCreate is a create that the broker has on its disk. Beside it stand the same
// operations as beside a write online, the synced publish alone, and the desk's own write
// of a record like it, alone and behind an HTTP server that does nothing else: what is left
// is what the door adds.
func (d *door) measureCreate(ctx context.Context, g *ground, report func(Figure) error) (err error) {
	durable, err := openBare(g.file("bare"), full)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, durable.close()) }()
	subject := events.Subject(d.other.Practice, "bare")
	plain, err := d.openPlain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	var ours, desk, behind, queued, sent series
	for n := range g.Samples + warming {
		if n == warming {
			ours, desk, behind, queued, sent = nil, nil, nil, nil, nil
		}
		var m events.Message
		turns := []func() error{
			func() (err error) { m, err = d.create(ctx, &ours); return err },
			func() error { return d.write(ctx, &desk) },
			func() error { return d.writeBehind(ctx, plain, &behind) },
		}
		// What comes first finds on the disk what the round before it left: each does in its turn.
		turns = slices.Concat(turns[n%len(turns):], turns[:n%len(turns)])
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
		r := rowOfMessage(m)
		if err := errors.Join(
			queued.clock(func() error { return durable.addOne(r) }),
			sent.clock(func() error { return publish(d.conn, subject, m) }),
		); err != nil {
			return err
		}
	}
	created := ours.median()
	return errors.Join(
		report(inTime("door-create", len(ours), created, queued.median()+sent.median(), "a FULL commit and a synced publish")),
		report(inTime("door-create-single", len(ours), created, sent.median(), "a synced publish alone")),
		report(inTime("door-create-desk", len(ours), created, desk.median(), "the desk's own write, without the door")),
		report(inTime("door-create-http", len(ours), created, behind.median(), "the desk's own write behind a bare HTTP server")),
	)
}

// create clocks a create at the door, and returns the message that it wrote.
func (d *door) create(ctx context.Context, took *series) (events.Message, error) {
	draft, err := d.draw("Binary")
	if err != nil {
		return events.Message{}, err
	}
	var answer *http.Response
	if err := took.clock(func() (err error) {
		answer, err = d.ask(ctx, http.StatusCreated, "POST", "/"+draft.Record.Type, draft.Body)
		return err
	}); err != nil {
		return events.Message{}, err
	}
	if answer.Header.Get("Carelog-Queued") != "" {
		return events.Message{}, d.desk.queued(ctx, "the create of a "+draft.Record.Type)
	}
	return d.written(ctx, answer.Header.Get("Location"))
}

// write clocks a write of the desk itself.
func (d *door) write(ctx context.Context, took *series) error {
	draft, err := d.draw("Binary")
	if err != nil {
		return err
	}
	var written agent.Written
	if err := took.clock(func() (err error) { written, err = d.desk.Write(ctx, draft); return err }); err != nil {
		return err
	}
	return d.desk.reach(ctx, written.Sequence)
}

// transactionSize is how many entries a transaction has.
const transactionSize = 100

// measureTransaction is a transaction of creates that refer to one another. Beside it
// stands the bare atomic batch of the same messages.
func (d *door) measureTransaction(ctx context.Context, g *ground, report func(Figure) error) error {
	var ours, limit series
	turns := max(g.Samples/transactionSize*g.Rounds, 2)
	for n := range turns + 1 {
		if n == 1 {
			ours, limit = nil, nil // the first one warms
		}
		bundle, err := d.bundle()
		if err != nil {
			return err
		}
		var locations []string
		if err := ours.clock(func() (err error) { locations, err = d.transact(ctx, bundle); return err }); err != nil {
			return err
		}
		messages := make([]events.Message, len(locations))
		for i, at := range locations {
			if messages[i], err = d.written(ctx, at); err != nil {
				return err
			}
			messages[i].Subject = events.Subject(d.other.Practice, "bare")
			delete(messages[i].Header, "Nats-Expected-Last-Subject-Sequence")
		}
		if err := limit.clock(func() error { return sendAll(d.conn, messages) }); err != nil {
			return err
		}
	}
	return report(inTime("door-transaction", len(ours)*transactionSize, ours.median(), limit.median(), "a bare atomic batch of the same messages"))
}

// bundle is a transaction of a new patient with records that refer to it.
func (d *door) bundle() ([]byte, error) {
	entries := []string{`{"fullUrl":"urn:uuid:patient","resource":{"resourceType":"Patient","name":[{"family":"Peeters"}]},"request":{"method":"POST","url":"Patient"}}`}
	for len(entries) < transactionSize {
		draft, err := d.draw("Binary", "Patient", "Organization", "Practitioner")
		if err != nil {
			return nil, err
		}
		body := strings.ReplaceAll(string(draft.Body), `"Patient/`+draft.Patient+`"`, `"urn:uuid:patient"`)
		entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"POST","url":%q}}`, body, draft.Record.Type))
	}
	return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`), nil
}

// transact sends a transaction, and returns where its entries are.
func (d *door) transact(ctx context.Context, bundle []byte) (locations []string, err error) {
	r, err := http.NewRequestWithContext(ctx, "POST", d.url, bytes.NewReader(bundle))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/fhir+json")
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var got struct {
		Entry []struct {
			Response struct{ Status, Location string }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil || len(got.Entry) != transactionSize || answer.Header.Get("Carelog-Queued") != "" {
		return nil, fmt.Errorf("the transaction was not written as it was to be measured: %w: %s: %.300s", err, answer.Status, text)
	}
	for _, e := range got.Entry {
		locations = append(locations, e.Response.Location)
	}
	return locations, nil
}

package bench

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// scribe writes the events of an enrolled device without a desk around it, as fast
// as a log can be filled.
type scribe struct {
	enrolment enrolment.Enrolment
	ring      *events.Keyring
	clock     *events.Clock
	next      events.Chain
}

func newScribe(e enrolment.Enrolment) (*scribe, error) {
	key, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return nil, err
	}
	return &scribe{enrolment: e, ring: events.NewKeyring(key), clock: events.NewClock(time.Now, nil), next: events.Chain{Counter: 1}}, nil
}

// event makes the next event of the device, and the patient's key where it is the
// first one of the patient.
func (s *scribe) event(d agent.Draft) (e *events.Event, made []events.WrappedKey, err error) {
	if !s.ring.Has(d.Patient) {
		k, err := s.ring.Make(d.Patient)
		if err != nil {
			return nil, nil, err
		}
		made = append(made, k)
	}
	id, err := s.clock.Next(d.Parents...)
	if err != nil {
		return nil, nil, err
	}
	e = &events.Event{
		ID: id, Type: events.Written, Practice: s.enrolment.Practice, Device: s.enrolment.Device, Record: d.Record,
		Patient: d.Patient, Time: s.clock.Now(), Author: d.Author, Parents: d.Parents, Chain: s.next, ContentType: events.ContentFHIR,
	}
	if e.Sealed, err = s.ring.Seal(d.Patient, id, d.Record, d.Body); err != nil {
		return nil, nil, err
	}
	e.Sign(s.enrolment.SigningKey())
	s.next = e.Follows()
	return e, made, nil
}

// registration is the first change of a device: its own record, with its certificate.
func (s *scribe) registration() agent.Draft {
	e := s.enrolment
	return agent.Draft{
		Record: events.Record{Type: "Device", ID: e.Device},
		Body: fhirjson.DeviceResource(e.Device, fhirjson.DeviceKey{
			Public: e.SigningKey().Public().(ed25519.PublicKey), Certificate: e.Certificate, Name: e.DeviceName, Active: true,
		}),
	}
}

// fill makes a log of n events: the registration of a device, and records of a
// synthetic practice that it wrote, with their keys.
func (g *ground) fill(ctx context.Context, s enrolment.Sheet, n int) error {
	e, err := s.Enrol(g.name("scribe"), "A scribe")
	if err != nil {
		return err
	}
	w, err := newScribe(e)
	if err != nil {
		return err
	}
	keys, err := broker.Connect(ctx, broker.Config{Practice: e.Practice, Device: e.Device, URLs: e.URLs, JWT: e.JWT, Seed: e.Seed})
	if err != nil {
		return err
	}
	defer keys.Close()
	conn, err := g.dial(s)
	if err != nil {
		return err
	}
	defer conn.Close()
	b := &batch{conn: conn}
	add := func(d agent.Draft) error {
		event, made, err := w.event(d)
		if err != nil {
			return err
		}
		for _, k := range made {
			if err := keys.PutKey(ctx, k); err != nil {
				return err
			}
		}
		n--
		return b.add(event, n == 0)
	}
	if err := add(w.registration()); err != nil {
		return err
	}
	for d, err := range drafts(ctx) {
		if err != nil {
			return err
		}
		if err := add(d); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// maxBatch is how many messages the broker takes as one atomic batch.
const maxBatch = 1000

// batch sends messages in atomic batches, since the broker then syncs once for each
// batch and not for each message.
type batch struct {
	conn *nats.Conn
	id   string
	sent int
}

// add sends one more event; with the last one of a batch it waits for the broker.
func (b *batch) add(e *events.Event, last bool) error {
	m, err := events.Encode(e)
	if err != nil {
		return err
	}
	if b.sent == 0 {
		b.id = e.ID.String()
	}
	b.sent++
	header := nats.Header(maps.Clone(m.Header))
	header.Set("Nats-Batch-Id", b.id)
	header.Set("Nats-Batch-Sequence", strconv.Itoa(b.sent))
	out := &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
	if !last && b.sent < maxBatch {
		return b.conn.PublishMsg(out)
	}
	header.Set("Nats-Batch-Commit", "1")
	answer, err := b.conn.RequestMsg(out, patience)
	if err != nil {
		return fmt.Errorf("fill the log: %w", err)
	}
	b.sent = 0
	return acknowledged(answer)
}

// acknowledged reads the broker's answer to a publish.
func acknowledged(answer *nats.Msg) error {
	var ack struct {
		Sequence uint64 `json:"seq"`
		Error    *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(bytes.TrimSpace(answer.Data), &ack); {
	case err != nil:
		return fmt.Errorf("the broker's answer cannot be read: %w", err)
	case ack.Error != nil:
		return errors.New("the broker refuses it: " + ack.Error.Description)
	case ack.Sequence == 0:
		return errors.New("the broker's answer names no place in the log")
	}
	return nil
}

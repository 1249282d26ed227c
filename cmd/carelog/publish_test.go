package main_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// publish puts into the log what no desk of today makes, with a device's own right to
// write there. The device must be one that nothing else runs on: its chain is taken
// from the log's end.
//
// The kinds:
//
//	newer     an event of a type that this version does not know
//	closed    an event whose body was sealed by a key that nobody has
//	unsigned  an event whose signature is wrong
//	noise     a message that is no event
//	skipping  an event whose number leaves out two before it, which nobody has
func publish(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 3, "publish ENROLMENT KIND URL")
	e, err := enrolment.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := takePen(ctx, e, args[2])
	ts.Check(err)
	err = p.put(ctx, args[1])
	ts.Check(errors.Join(err, p.log.Close()))
}

// pen writes into the log in the name of a device.
type pen struct {
	enrolment enrolment.Enrolment
	log       *broker.Log
	ring      *events.Keyring
	clock     *events.Clock
	chain     events.Chain // that the next event carries
}

// takePen connects, and registers the device where it is new.
func takePen(ctx context.Context, e enrolment.Enrolment, url string) (*pen, error) {
	up := make(chan struct{})
	log, err := broker.Connect(ctx, broker.Config{
		Practice: e.Practice, Device: e.Device, URLs: []string{url}, JWT: e.JWT, Seed: e.Seed,
		OnConnection: func(connected bool, _ error) {
			if connected {
				close(up)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-up:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), log.Close())
	}
	p := &pen{enrolment: e, log: log, clock: events.NewClock(time.Now, nil), chain: events.Chain{Counter: 1}}
	if err := p.begin(ctx); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return p, nil
}

// begin finds the keys and the end of the device's chain.
func (p *pen) begin(ctx context.Context) error {
	key, err := events.KeyFrom(p.enrolment.PracticeKey)
	if err != nil {
		return err
	}
	p.ring = events.NewKeyring(key)
	for k, err := range p.log.Keys(ctx) {
		if err == nil {
			err = p.ring.Add(k)
		}
		if err != nil {
			return err
		}
	}
	state, err := p.log.State(ctx)
	if err != nil {
		return err
	}
	for n := state.First; n <= state.Last; n++ {
		m, err := p.log.Get(ctx, n)
		if err != nil {
			return err
		}
		if e, err := events.Decode(m.Message); err == nil && e.Device == p.enrolment.Device && e.Verify(p.public()) == nil {
			p.chain = e.Follows()
		}
	}
	if p.chain.Counter > 1 {
		return nil
	}
	e := p.enrolment
	body := fhirjson.DeviceResource(e.Device, fhirjson.DeviceKey{Public: p.public(), Certificate: e.Certificate, Name: e.DeviceName, Active: true})
	return p.write(ctx, events.Record{Type: "Device", ID: e.Device}, "", body, asItIs, asItIs)
}

func (p *pen) public() ed25519.PublicKey {
	return p.enrolment.SigningKey().Public().(ed25519.PublicKey)
}

// put writes a message of a kind. Each is about a record of its own.
func (p *pen) put(ctx context.Context, kind string) error {
	record := events.Record{Type: "Condition", ID: kind}
	body := fmt.Appendf(nil, `{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p1"}}`, kind)
	switch kind {
	case "newer":
		return p.write(ctx, record, "p1", body, func(e *events.Event) error {
			e.Type = "carelog.record.merged.v2"
			return nil
		}, asItIs)
	case "closed":
		return p.write(ctx, record, "p1", body, func(e *events.Event) (err error) {
			lost, err := events.NewKey(nil)
			if err != nil {
				return err
			}
			e.Sealed, err = lost.Seal(e.ID, e.Record, body)
			return err
		}, asItIs)
	case "unsigned":
		chain := p.chain
		err := p.write(ctx, record, "p1", body, asItIs, func(e *events.Event) error {
			e.Signature[0] ^= 1
			return nil
		})
		p.chain = chain // what nobody signed is not of the chain
		return err
	case "skipping":
		p.chain.Counter += 2
		return p.write(ctx, record, "p1", body, asItIs, asItIs)
	case "noise":
		_, err := p.log.Append(ctx, events.Message{
			Subject: events.Subject(p.enrolment.Practice, "p1"),
			Header:  map[string][]string{"Nats-Msg-Id": {"noise"}, "ce-id": {"noise"}, "ce-specversion": {"1.0"}},
			Data:    []byte("this is no event"),
		})
		return err
	}
	return fmt.Errorf("there is no kind of event %q", kind)
}

// change is what a pen does to an event beyond what a desk would.
type change func(*events.Event) error

func asItIs(*events.Event) error { return nil }

// write makes an event as a desk does, changes it before and after it is signed, and
// stores it.
func (p *pen) write(ctx context.Context, record events.Record, patient string, body []byte, before, after change) error {
	id, err := p.clock.Next()
	if err != nil {
		return err
	}
	e := &events.Event{
		ID: id, Type: events.Written, Practice: p.enrolment.Practice, Device: p.enrolment.Device,
		Record: record, Patient: patient, Time: p.clock.Now(), Author: "dr-three", Chain: p.chain, ContentType: events.ContentFHIR,
	}
	if e.Sealed, err = p.ring.Seal(patient, id, record, body); err != nil {
		return err
	}
	if err := before(e); err != nil {
		return err
	}
	e.Sign(p.enrolment.SigningKey())
	p.chain = e.Follows()
	if err := after(e); err != nil {
		return err
	}
	m, err := events.Encode(e)
	if err != nil {
		return err
	}
	_, err = p.log.Append(ctx, m)
	return err
}

package bench

import (
	"crypto/ed25519"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// scribe writes the events of an enrolled device without a desk around it, as fast
// as a log can be filled.
type scribe struct {
	enrolment enrolment.Enrolment
	signing   ed25519.PrivateKey
	ring      *events.Keyring
	clock     *events.Clock
	next      events.Chain
}

func newScribe(e enrolment.Enrolment) (*scribe, error) {
	key, err := events.KeyFrom(e.PracticeKey)
	if err != nil {
		return nil, err
	}
	return &scribe{
		enrolment: e, signing: e.SigningKey(), ring: events.NewKeyring(key),
		clock: events.NewClock(time.Now, nil), next: events.Chain{Counter: 1},
	}, nil
}

// event makes the next event of the device. The key of its patient must be there.
func (s *scribe) event(d agent.Draft) (*events.Event, error) {
	id, err := s.clock.Next(d.Parents...)
	if err != nil {
		return nil, err
	}
	e := &events.Event{
		ID: id, Type: events.Written, Practice: s.enrolment.Practice, Device: s.enrolment.Device, Record: d.Record,
		Patient: d.Patient, Time: s.clock.Now(), Author: d.Author, Parents: d.Parents, Chain: s.next, ContentType: events.ContentFHIR,
	}
	if e.Sealed, err = s.ring.Seal(d.Patient, id, d.Record, d.Body); err != nil {
		return nil, err
	}
	e.Sign(s.signing)
	s.next = e.Follows()
	return e, nil
}

// registration is the first change of a device: its own record, with its certificate.
func (s *scribe) registration() agent.Draft {
	return agent.Draft{
		Record: events.Record{Type: "Device", ID: s.enrolment.Device},
		Body: fhirjson.DeviceResource(s.enrolment.Device, fhirjson.DeviceKey{
			Public:      s.signing.Public().(ed25519.PublicKey),
			Certificate: s.enrolment.Certificate, Name: s.enrolment.DeviceName, Active: true,
		}),
	}
}

package replica

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirjson"
)

// prepared is a message on its way into the projection.
type prepared struct {
	entry   projections.Entry
	digest  events.Digest // of the event
	print   events.Digest // its fingerprint
	failed  error         // why it could not be looked at; the reading ends before it
	unknown bool          // nobody vouched for its device when it was judged
}

func (p *prepared) doubt(d projections.Doubt, format string, args ...any) {
	p.entry.Doubt, p.entry.Body, p.entry.Reason = d, nil, fmt.Sprintf(format, args...)
}

func (p *prepared) link() events.Digest {
	if e := p.entry.Event; !e.Replaces.IsZero() {
		return e.Replaces
	}
	return p.print
}

// devices tells the trust which devices the store knows and where their chains end.
type devices interface {
	Devices(context.Context) ([]projections.Device, error)
	ChainInLog(context.Context, string) (events.Chain, error)
	Position(context.Context) (events.Position, string, error)
}

// trust decides who may sign. It is used by one goroutine at a time.
type trust struct {
	practice string
	root     ed25519.PublicKey
	known    map[string]*signer
	ahead    bool // of what is read ahead: no chain can be followed, so each signature is looked at
}

// signer is a certified device.
type signer struct {
	public  ed25519.PublicKey
	revoked uint64       // sequence from which on its events are not accepted; 0: never
	next    events.Chain // that its next event should carry
	run     []*prepared  // events that fit the chain and wait for one signature to vouch for them
}

// load learns the devices that earlier reads registered, wherever their certificates stand in
// the log. A revocation that was read ahead of the position the read will come to itself, and
// must judge as if it had not been: only a trust that is for reading ahead takes it in.
func (t *trust) load(ctx context.Context, store devices) error {
	list, err := store.Devices(ctx)
	if err != nil {
		return fmt.Errorf("learn the devices of the practice: %w", err)
	}
	position, _, err := store.Position(ctx)
	if err != nil {
		return fmt.Errorf("learn the devices of the practice: %w", err)
	}
	t.known = make(map[string]*signer, len(list))
	for _, d := range list {
		if events.VerifyCertificate(t.root, t.practice, d.ID, d.PublicKey, d.Certificate) != nil {
			continue
		}
		if t.ahead {
			t.known[d.ID] = &signer{public: ed25519.PublicKey(d.PublicKey), revoked: d.RevokedAt}
			continue
		}
		if d.RevokedAt > position.Sequence {
			d.RevokedAt = 0
		}
		next, err := store.ChainInLog(ctx, d.ID)
		if err != nil {
			return fmt.Errorf("learn the devices of the practice: %w", err)
		}
		t.known[d.ID] = &signer{public: ed25519.PublicKey(d.PublicKey), revoked: d.RevokedAt, next: next}
	}
	return nil
}

// judge sets the doubt of every event of a batch, in the order of the log. A certificate counts
// wherever it stands, since nothing of it comes from its place: it is the practice's root key
// that signed it.
func (t *trust) judge(batch []*prepared) {
	for _, p := range batch {
		if p.entry.Event != nil {
			t.register(p)
		}
	}
	for _, p := range batch {
		if p.entry.Event == nil {
			continue
		}
		t.admit(p)
		if p.entry.Event.Record.Type == "Device" {
			t.settle() // whom it lets in or shuts out must be known for the next event
			t.learn(p)
		}
	}
	t.settle()
}

// admit puts an event where its signature will be looked at.
func (t *trust) admit(p *prepared) {
	e := p.entry.Event
	s := t.known[e.Device]
	if s != nil && !t.vouched(p) {
		s.settle() // the chain goes on behind it, by its own signatures
		p.doubt(projections.DoubtSignature, "it names a key for device %q that the practice has not certified", e.Record.ID)
		return
	}
	switch {
	case s == nil:
		p.unknown = true
		p.doubt(projections.DoubtSignature, notSigned, e.Device)
	case s.revoked != 0 && p.entry.Sequence > s.revoked:
		p.doubt(projections.DoubtRevoked, sentRevoked, e.Device)
	case e.Chain == s.next && !t.ahead:
		s.run = append(s.run, p)
		s.next = events.Chain{Counter: e.Chain.Counter + 1, Previous: p.link()}
	default:
		s.settle()
		if s.verify(p) && e.Chain.Counter >= s.next.Counter {
			s.next = events.Chain{Counter: e.Chain.Counter + 1, Previous: p.link()}
		}
	}
}

// register lets a device in that brings its own certificate.
func (t *trust) register(p *prepared) {
	e := p.entry.Event
	if e.Record != (events.Record{Type: "Device", ID: e.Device}) || t.known[e.Device] != nil {
		return
	}
	if s := t.certified(p); s != nil && s.valid(p) {
		t.known[e.Device] = s
	}
}

// certified is the device for which a version of a Device record has a certificate; nil where it
// has none.
func (t *trust) certified(p *prepared) *signer {
	e := p.entry.Event
	if e.Patient != "" || e.Type != events.Written || p.entry.Body == nil {
		return nil
	}
	key, err := fhirjson.DeviceOf(p.entry.Body)
	if err != nil || events.VerifyCertificate(t.root, t.practice, e.Record.ID, key.Public, key.Certificate) != nil {
		return nil
	}
	return &signer{public: key.Public, next: events.Chain{Counter: 1}}
}

// vouched reports whether a version of a Device record can be taken at its word: the
// key that it names must be certified for just this device. One that is not would let
// somebody in, or shut somebody out, on the desks that read it in a certain order.
func (t *trust) vouched(p *prepared) bool {
	e := p.entry.Event
	if e.Type != events.Written || e.Record.Type != "Device" || p.entry.Body == nil {
		return true
	}
	key, err := fhirjson.DeviceOf(p.entry.Body)
	if errors.Is(err, fhirjson.ErrNoDeviceKey) {
		return true // a pacemaker
	}
	return err == nil && events.VerifyCertificate(t.root, t.practice, e.Record.ID, key.Public, key.Certificate) == nil
}

// learn takes note of a device that another one speaks of: that it was shut out, and its
// certificate, where its own record is not here.
func (t *trust) learn(p *prepared) {
	e := p.entry.Event
	if e.Patient != "" || p.entry.Doubt != "" || p.entry.Sequence == 0 {
		return
	}
	s := t.known[e.Record.ID]
	if s == nil {
		if s = t.certified(p); s == nil {
			return
		}
		t.known[e.Record.ID] = s
	}
	key, err := fhirjson.DeviceOf(p.entry.Body)
	if (s.revoked == 0 || p.entry.Sequence < s.revoked) && (e.Type == events.Deleted || err == nil && !key.Active) {
		s.revoked = p.entry.Sequence
	}
}

func (t *trust) settle() {
	for _, s := range t.known {
		s.settle()
	}
}

// settle looks at the signature of the last event of the run, which through the
// chain stands for all; where it is wrong, each is looked at on its own.
func (s *signer) settle() {
	if n := len(s.run); n > 0 && !s.valid(s.run[n-1]) {
		for _, p := range s.run {
			s.verify(p)
		}
	}
	clear(s.run) // it would keep a batch in memory that was applied long ago
	s.run = s.run[:0]
}

func (s *signer) verify(p *prepared) bool {
	if s.valid(p) {
		return true
	}
	p.doubt(projections.DoubtSignature, notSigned, p.entry.Event.Device)
	return false
}

// notSigned says the same where nobody vouches for a device and where its key is another one: in
// what order the two became known must not be seen.
const notSigned = "it is not signed with a key that the practice has certified for device %q"

func (s *signer) valid(p *prepared) bool {
	return ed25519.Verify(s.public, p.digest[:], p.entry.Event.Signature[:])
}

// revoked reports whether a device was shut out.
func (t *trust) revoked(device string) bool {
	s := t.known[device]
	return s != nil && s.revoked != 0
}

// key returns the public key of a device that is let in.
func (t *trust) key(device string) (ed25519.PublicKey, bool) {
	s := t.known[device]
	if s == nil || s.revoked != 0 {
		return nil, false
	}
	return s.public, true
}

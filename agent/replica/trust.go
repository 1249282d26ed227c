package replica

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"

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
	vouched bool          // its device's chain vouches for it, wherever it stands
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

// devices tells the trust which Device records the store has and where the chains end.
type devices interface {
	DeviceRecords(context.Context) ([]projections.Version, error)
	Doubted(context.Context, projections.Doubt) (byDevice map[string]int, err error)
	ChainInLog(context.Context, string) (events.Chain, error)
}

// trust decides who may sign. What it decides follows from the Device records of the practice and
// their places in the log, and from nothing else: not from the order in which they became known.
// It is used by one goroutine at a time.
type trust struct {
	practice string
	root     ed25519.PublicKey
	open     func(*events.Event) ([]byte, error)
	words    map[events.Digest]*word   // the Device records, by fingerprint
	known    map[string]*signer        // who is certified
	shut     map[string]revocation     // from behind which place a name does not count, also one that nobody certified
	ended    map[string][]revocation   // all that count and name an end; the first that counts decides
	wanted   map[string][]events.Chain // of revoked devices: what vouches for events that came since
	stirred  map[string]bool           // whose standing changed after something of it was judged
	calm     map[string]bool           // of those, who is only heard of for the first time since the start, or read anew, and of whom something is in doubt
	ahead    bool                      // of what is read ahead: no chain can be followed, so each signature is looked at
}

// signer is a certified device.
type signer struct {
	public ed25519.PublicKey
	next   events.Chain // that its next event should carry
	run    []*prepared  // events that fit the chain and wait for one signature to vouch for them
}

// load learns the Device records that are here, whatever was thought of them when they came.
func (t *trust) load(ctx context.Context, store devices) error {
	list, err := store.DeviceRecords(ctx)
	if err != nil {
		return fmt.Errorf("learn the devices of the practice: %w", err)
	}
	t.words = make(map[events.Digest]*word, len(list))
	for _, v := range list {
		if w := t.hear(v.Event, v.Event.Digest(), v.Event.Fingerprint(), v.Sequence); w != nil {
			w.vouched = v.Doubt != projections.DoubtSignature && v.Doubt != projections.DoubtRevoked
			w.doubted = !w.vouched || v.Doubt == projections.DoubtUnopened
		}
	}
	already, known, shut := maps.Clone(t.stirred), t.known, t.shut
	t.weigh()
	t.calm = maps.Clone(t.stirred)
	maps.DeleteFunc(t.calm, func(device string, _ bool) bool {
		return already[device] || known[device] != nil && !shut[device].same(t.shut[device])
	})
	if !t.ahead {
		if err := t.leaveCalm(ctx, store, list); err != nil {
			return fmt.Errorf("see of which devices something is in doubt: %w", err)
		}
		for device, shut := range t.shut { // who was to judge by it was cut off before
			if shut.doubted {
				t.stir(device)
			}
		}
	}
	for device, s := range t.known {
		*s = signer{public: s.public}
		if t.ahead {
			continue
		}
		if s.next, err = store.ChainInLog(ctx, device); err != nil {
			return fmt.Errorf("learn the devices of the practice: %w", err)
		}
	}
	return nil
}

// leaveCalm lets those be that are only heard of for the first time, or anew, and of whom nothing can be misjudged: nothing that
// somebody else may have signed or that stands behind a revocation is in doubt, and no Device record that opens now names a
// key that nobody certified.
func (t *trust) leaveCalm(ctx context.Context, store devices, records []projections.Version) error {
	doubtful := make(map[string]bool)
	for _, doubt := range []projections.Doubt{projections.DoubtSignature, projections.DoubtRevoked} {
		byDevice, err := store.Doubted(ctx, doubt)
		if err != nil {
			return err
		}
		for device := range byDevice {
			doubtful[device] = true
		}
	}
	for _, v := range records {
		p := &prepared{entry: projections.Entry{Sequence: v.Sequence, Event: v.Event}, vouched: true}
		p.entry.Body, _ = t.open(v.Event)
		if !doubtful[v.Event.Device] && t.barred(p) {
			doubtful[v.Event.Device] = true
		}
	}
	maps.DeleteFunc(t.calm, func(device string, _ bool) bool {
		if !doubtful[device] {
			delete(t.stirred, device)
		}
		return !doubtful[device]
	})
	return nil
}

// judge sets the doubt of every event of a batch.
func (t *trust) judge(batch []*prepared) {
	heard := false
	for _, p := range batch {
		if e := p.entry.Event; e != nil && tells(e) {
			t.hear(e, p.digest, p.print, p.entry.Sequence)
			heard = true
		}
	}
	if heard {
		t.weigh()
	}
	for _, p := range batch {
		if p.entry.Event != nil {
			t.admit(p)
		}
	}
	for _, s := range t.known {
		s.settle()
	}
}

// admit puts an event where its signature will be looked at.
func (t *trust) admit(p *prepared) {
	e := p.entry.Event
	s := t.known[e.Device]
	switch {
	case t.barred(p):
		if s != nil && p.entry.Doubt == projections.DoubtSignature {
			s.settle() // the chain goes on behind it, by its own signatures
		}
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

// alone judges an event by itself.
func (t *trust) alone(p *prepared) {
	if !t.barred(p) {
		t.known[p.entry.Event.Device].verify(p)
	}
}

// barred doubts an event for what is wrong with it whoever signed it, and reports whether it did.
func (t *trust) barred(p *prepared) bool {
	e := p.entry.Event
	p.unknown = t.known[e.Device] == nil
	switch {
	case p.unknown:
		p.doubt(projections.DoubtSignature, notSigned, e.Device)
	case !t.vouched(p):
		p.doubt(projections.DoubtSignature, "it names a key for device %q that the practice has not certified", e.Record.ID)
	case t.shutOut(p):
		p.doubt(projections.DoubtRevoked, "device %q was revoked before it sent this", e.Device)
	default:
		return false
	}
	return true
}

// shutOut reports whether the device of an event was revoked at a place before it, and nothing is known by now that
// vouches for it: that is found when it is in the store.
func (t *trust) shutOut(p *prepared) bool {
	return !p.vouched && t.shut[p.entry.Event.Device].bars(p.entry.Sequence)
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
func (t *trust) revoked(device string) bool { return t.shut[device].at != 0 }

// key returns the public key of a device that is let in.
func (t *trust) key(device string) (ed25519.PublicKey, bool) {
	s := t.known[device]
	if s == nil || t.revoked(device) {
		return nil, false
	}
	return s.public, true
}

// stirAgain notes that the judging of a device was cut off.
func (t *trust) stirAgain(s stirred) {
	switch {
	case s.wanted != nil:
		t.want(s.device, s.wanted...)
	case s.calm:
		t.stirCalmly(s.device)
	default:
		t.stir(s.device)
	}
}

package eventstest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/carelog/carelog/events"
)

// TB is what a test gives: a *testing.T, *testing.B, *testing.F or *rapid.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// DeviceBody writes the body of a Device record. Outside this package's own tests
// it is a wrapper of fhirjson.DeviceResource.
type DeviceBody func(device string, public ed25519.PublicKey, certificate []byte, active bool) []byte

// Epoch is when the first event of every Practice is made; each call that makes or
// pushes an event takes one second.
var Epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// Practice is a made-up practice: its keys, and its log so far.
type Practice struct {
	ID   string
	Root ed25519.PrivateKey  // certifies devices
	Ring *events.Keyring     // opens every body
	Key  events.Key          // the practice key, which wraps Keys
	Keys []events.WrappedKey // of all patients, in the order they were made
	Log  []events.Stored     // what was pushed, sequences from 1; a test may change it
	tb   TB
	body DeviceBody
	now  time.Time
	ids  *events.Clock
}

// New makes an empty practice with the id "practice". A nil body makes Device
// records without a key, for tests that do not look into them.
func New(tb TB, body DeviceBody) *Practice {
	tb.Helper()
	if body == nil {
		body = func(device string, _ ed25519.PublicKey, _ []byte, active bool) []byte {
			status := map[bool]string{true: "active", false: "inactive"}[active]
			return []byte(`{"resourceType":"Device","id":"` + device + `","status":"` + status + `"}`)
		}
	}
	p := &Practice{ID: "practice", Root: signingKey("root"), tb: tb, body: body, now: Epoch}
	p.ids = events.NewClock(func() time.Time { return p.now }, rand.NewChaCha8(sha256.Sum256([]byte("ids"))))
	var err error
	p.Key, err = events.NewKey(rand.NewChaCha8(sha256.Sum256([]byte("practice key"))))
	p.check(err)
	p.Ring = events.NewKeyring(p.Key)
	return p
}

// RootKey is the public half of Root.
func (p *Practice) RootKey() ed25519.PublicKey { return p.Root.Public().(ed25519.PublicKey) }

// Push appends events to the log, as a broker that checks nothing would.
func (p *Practice) Push(list ...*events.Event) {
	p.tb.Helper()
	for _, e := range list {
		m, err := events.Encode(e)
		p.check(err)
		p.PushMessage(m)
	}
}

// PushMessage appends a message to the log, whatever it is.
func (p *Practice) PushMessage(m events.Message) {
	p.tick()
	p.Log = append(p.Log, events.Stored{Sequence: uint64(len(p.Log)) + 1, Time: p.now, Message: m})
}

// Messages reads the log as it is now, from the given sequence on, and ends.
func (p *Practice) Messages(from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for _, m := range p.Log {
			if m.Sequence >= from && !yield(m, nil) {
				return
			}
		}
	}
}

// Clone copies a message, so that a test can change it and keep the one it was.
func Clone(m events.Message) events.Message {
	header := make(map[string][]string, len(m.Header))
	for name, values := range maps.All(m.Header) {
		header[name] = slices.Clone(values)
	}
	return events.Message{Subject: m.Subject, Header: header, Data: slices.Clone(m.Data)}
}

// seal seals a body, and makes the patient's key where this is the first one.
func (p *Practice) seal(e *events.Event, plain []byte) {
	has, err := p.Ring.Has(e.Patient)
	p.check(err)
	if !has {
		key, err := p.Ring.Make(e.Patient)
		p.check(err)
		p.Keys = append(p.Keys, key)
	}
	e.Sealed, err = p.Ring.Seal(e.Patient, e.ID, e.Record, plain)
	p.check(err)
}

func (p *Practice) tick() { p.now = p.now.Add(time.Second) }

func (p *Practice) check(err error) {
	p.tb.Helper()
	if err != nil {
		p.tb.Fatalf("make up a practice: %v", err)
	}
}

func signingKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("eventstest key of " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

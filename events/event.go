package events

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Type says what an event did to its record.
type Type string

// The types of today. Others are kept, counted and shown, and change nothing.
const (
	Written  Type = "carelog.record.written.v1"
	Deleted  Type = "carelog.record.deleted.v1"
	Erased   Type = "carelog.patient.erased.v1"
	SetAside Type = "carelog.event.setaside.v1"
)

// Known reports whether this version knows what the type means.
func (t Type) Known() bool {
	switch t {
	case Written, Deleted, Erased, SetAside:
		return true
	}
	return false
}

// InGraph reports whether an event of this type is a version of its record.
func (t Type) InGraph() bool { return t == Written || t == Deleted }

// ContentFHIR is the content type of a FHIR resource, before it is sealed.
const ContentFHIR = "application/fhir+json"

// Bounds of one event. A larger one is refused where it is made and where it is read.
const (
	// MaxParents keeps the header under the 64 KiB that the broker allows
	// (nats-server 2.15.2); a record with more heads is settled in several steps.
	MaxParents = 2000
	// MaxPlain is the largest resource, in bytes, before compression.
	MaxPlain = 8 << 20
	// MaxSealed is the largest sealed body, in bytes: with its header it stays
	// under the payload of 1 MiB that a broker allows by default.
	MaxSealed = 1<<20 - 96<<10
)

// Attribute is a CloudEvents attribute that this version does not know.
type Attribute struct{ Name, Value string }

// Event is one immutable change of one record.
type Event struct {
	ID       ID
	Type     Type
	Practice string
	Device   string
	Record   Record
	Patient  string    // id of the Patient whose dossier this is; empty for the practice's own records
	Time     time.Time // the device's clock, UTC, whole milliseconds: information only
	Author   string    // id of the Practitioner
	Parents  []ID      // sorted, without repeats: all heads the author saw
	Chain    Chain
	// Replaces is the fingerprint of the event that a SetAside stands for, in the chain and
	// in the log; zero in all others.
	Replaces    Digest
	ContentType string
	Extra       []Attribute // attributes of a newer version: signed, kept and passed on as they came
	Sealed      []byte      // what Seal made of the resource; empty in a deletion
	Signature   [ed25519.SignatureSize]byte
}

// Link is what the device's next event names as its previous one: the fingerprint of
// this event or, in a SetAside, of the event that it stands for. It covers the
// signature as well, so that one good signature at the end of a chain vouches for
// every event before it, signature included.
//
// The rule goes by the attribute and not by the type, so that it holds for types of
// a newer version as well.
func (e *Event) Link() Digest {
	if !e.Replaces.IsZero() {
		return e.Replaces
	}
	return e.Fingerprint()
}

// Follows returns the chain of the event that comes after e, once e is signed, on the
// same device.
func (e *Event) Follows() Chain { return Chain{Counter: e.Chain.Counter + 1, Previous: e.Link()} }

// Sign signs the event as it stands; a change afterwards makes the signature wrong.
func (e *Event) Sign(key ed25519.PrivateKey) {
	d := e.Digest()
	copy(e.Signature[:], ed25519.Sign(key, d[:]))
}

// Verify reports whether the device that holds the key of pub signed this event.
func (e *Event) Verify(pub ed25519.PublicKey) error {
	d := e.Digest()
	if !verify(pub, d[:], e.Signature[:]) {
		return &BrokenError{ID: e.ID.String(), Reason: fmt.Sprintf("its signature is not that of device %s", e.Device)}
	}
	return nil
}

// BrokenError says which event is broken and how.
type BrokenError struct {
	ID     string // as the message gave it; empty where it gave none
	Reason string
}

// Error names the event and what is wrong with it.
func (e *BrokenError) Error() string {
	if e.ID == "" {
		return "an event without a readable id is broken: " + e.Reason
	}
	if !all(e.ID, idByte) { // it came from outside, and may hold what a log must not
		return fmt.Sprintf("event %q is broken: %s", clip(e.ID), e.Reason)
	}
	return "event " + clip(e.ID) + " is broken: " + e.Reason
}

// verify is ed25519.Verify, but false and no panic for a key of a wrong length: keys
// come out of Device records, which anybody may have written.
func verify(pub ed25519.PublicKey, message, signature []byte) bool {
	return len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, message, signature)
}

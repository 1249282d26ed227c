package events

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
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

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the digest as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// ParseDigest reads 64 lower-case hexadecimal digits.
func ParseDigest(s string) (d Digest, err error) {
	n, err := hex.Decode(d[:], []byte(s[:min(len(s), 2*len(d))]))
	if err != nil || n != len(d) || len(s) != 2*len(d) || d.String() != s {
		return Digest{}, fmt.Errorf("%q is no digest: want 64 digits of 0-9 and a-f", clip(s))
	}
	return d, nil
}

// Chain ties an event to the one that the same device made before it.
type Chain struct {
	Counter  uint64 // 1 for the device's first event, then one more each time
	Previous Digest // Link of the event before; zero for the first
}

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
	// Replaces is the Link of the event that a SetAside stands for; zero in all others.
	Replaces    Digest
	ContentType string
	Extra       []Attribute // attributes of a newer version: signed, kept and passed on as they came
	Sealed      []byte      // what Seal made of the resource; empty in a deletion
	Signature   [ed25519.SignatureSize]byte
}

// Link is what the device's next event names as its previous one: the digest of
// this event or, in a SetAside, of the event that it stands for.
func (e *Event) Link() Digest {
	if e.Type == SetAside {
		return e.Replaces
	}
	return e.Digest()
}

// Follows returns the chain of the event that comes after e on the same device.
func (e *Event) Follows() Chain { return Chain{Counter: e.Chain.Counter + 1, Previous: e.Link()} }

// Sign signs the event as it stands; a change afterwards makes the signature wrong.
func (e *Event) Sign(key ed25519.PrivateKey) {
	d := e.Digest()
	copy(e.Signature[:], ed25519.Sign(key, d[:]))
}

// Verify reports whether the device that holds the key of pub signed this event.
func (e *Event) Verify(pub ed25519.PublicKey) error {
	d := e.Digest()
	if !ed25519.Verify(pub, d[:], e.Signature[:]) {
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
	return "event " + clip(e.ID) + " is broken: " + e.Reason
}

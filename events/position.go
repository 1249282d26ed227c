package events

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// Position says how far a reader has read the log and what it found there: two
// readers at one sequence with different hashes have not read the same log.
type Position struct {
	Sequence uint64 `json:"sequence"` // of the last message read; 0 before the first
	Hash     Digest `json:"hash"`     // over all messages read, in order
}

// Next is the position after one more message. fingerprint is Message.Fingerprint or,
// where the message was decoded already, Event.Fingerprint: they are the same.
func (p Position) Next(sequence uint64, fingerprint Digest) Position {
	var buf [len(p.Hash) + 8 + len(fingerprint)]byte
	copy(buf[:], p.Hash[:])
	binary.BigEndian.PutUint64(buf[len(p.Hash):], sequence)
	copy(buf[len(p.Hash)+8:], fingerprint[:])
	return Position{Sequence: sequence, Hash: sha256.Sum256(buf[:])}
}

// SignedPosition is a device's word on where it stands, for the other devices of
// its practice.
type SignedPosition struct {
	Position
	Practice  string `json:"practice"`
	Device    string `json:"device"`
	Stream    string `json:"stream"` // identity of the stream that was read
	Signature []byte `json:"signature"`
}

// Sign signs the position.
func (p *SignedPosition) Sign(key ed25519.PrivateKey) { p.Signature = ed25519.Sign(key, p.text()) }

// Verify reports whether the device that holds the key of pub signed it.
func (p *SignedPosition) Verify(pub ed25519.PublicKey) error {
	if !verify(pub, p.text(), p.Signature) {
		return fmt.Errorf("the position of device %q at %d is not signed by it", clip(p.Device), p.Sequence)
	}
	return nil
}

func (p *SignedPosition) text() []byte {
	b := []byte("carelog position v1\n")
	b = appendField(appendField(appendField(b, p.Practice), p.Device), p.Stream)
	b = appendField(b, strconv.FormatUint(p.Sequence, 10))
	return appendField(b, string(p.Hash[:]))
}

// Certify signs a device's public key with the practice's root key, which stands
// only on the recovery sheet. The device's first event carries the certificate.
func Certify(root ed25519.PrivateKey, practice, device string, pub ed25519.PublicKey) []byte {
	return ed25519.Sign(root, certificateText(practice, device, pub))
}

// ErrNotCertified says that a device's key is not vouched for by the practice.
var ErrNotCertified = errors.New("the device's key carries no valid certificate of the practice")

// VerifyCertificate checks what Certify made.
func VerifyCertificate(root ed25519.PublicKey, practice, device string, pub ed25519.PublicKey, certificate []byte) error {
	if len(pub) != ed25519.PublicKeySize || !verify(root, certificateText(practice, device, pub), certificate) {
		return fmt.Errorf("device %q: %w", clip(device), ErrNotCertified)
	}
	return nil
}

func certificateText(practice, device string, pub ed25519.PublicKey) []byte {
	b := []byte("carelog device v1\n")
	return appendField(appendField(appendField(b, practice), device), string(pub))
}

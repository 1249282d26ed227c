package snapshot

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/carelog/carelog/events"
)

// A sealed object is a byte for its form, a nonce of 12 bytes and AES-256-GCM with 16
// bytes of tag. The manifest's plain text is an Ed25519 signature of 64 bytes and JSON.
const (
	form      = 1
	nonceSize = 12
	overhead  = 1 + nonceSize + 16
)

// seal seals the objects of one snapshot, under a key of its own.
type seal struct {
	practice, id string
	aead         cipher.AEAD
}

func newSeal(c Config, id string) (*seal, error) {
	key, err := hkdf.Key(sha256.New, c.Key, nil, "carelog snapshot v1\n"+c.Practice+"\n"+id+"\n", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of snapshot %s: %w", id, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &seal{practice: c.Practice, id: id, aead: aead}, nil
}

func (s *seal) partData(number int, last bool) []byte {
	return fmt.Appendf(nil, "carelog snapshot part v1\n%s\n%s\n%d\n%t\n", s.practice, s.id, number, last)
}

func (s *seal) manifestData() []byte {
	return fmt.Appendf(nil, "carelog snapshot manifest v1\n%s\n%s\n", s.practice, s.id)
}

// box seals what stands in out behind the room for its head, in place.
func (s *seal) box(out, data []byte) []byte {
	out[0] = form
	nonce := out[1 : 1+nonceSize]
	if _, err := rand.Read(nonce); err != nil {
		panic(err) // crypto/rand.Read never fails: it ends the program instead
	}
	return s.aead.Seal(out[:1+nonceSize], nonce, out[1+nonceSize:], data)
}

// unbox opens in place: sealed is not to be used afterwards.
func (s *seal) unbox(name string, sealed, data []byte) ([]byte, error) {
	switch {
	case len(sealed) < overhead:
		return nil, &events.DamagedError{Name: name, Reason: fmt.Sprintf("it has %d bytes only", len(sealed))}
	case sealed[0] == 0:
		return nil, &events.DamagedError{Name: name, Reason: "it has no form"}
	case sealed[0] != form:
		return nil, fmt.Errorf("object %s has form %d: %w", name, sealed[0], ErrNewer)
	}
	body := sealed[1+nonceSize:]
	plain, err := s.aead.Open(body[:0], sealed[1:1+nonceSize], body, data)
	if err != nil {
		return nil, &events.DamagedError{Name: name, Reason: "it does not open: it was changed, or is of another practice or snapshot"}
	}
	return plain, nil
}

func signedText(text []byte) []byte { return append([]byte("carelog snapshot v1\n"), text...) }

func (s *seal) boxManifest(m Manifest, key ed25519.PrivateKey) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+nonceSize, overhead+ed25519.SignatureSize+len(text))
	out = append(append(out, ed25519.Sign(key, signedText(text))...), text...)
	return s.box(out, s.manifestData()), nil
}

func (s *seal) unboxManifest(c Config, sealed []byte) (Manifest, error) {
	var m Manifest
	name := manifestName(s.id)
	plain, err := s.unbox(name, sealed, s.manifestData())
	if err != nil {
		return m, err
	}
	if len(plain) < ed25519.SignatureSize {
		return m, &events.DamagedError{Name: name, Reason: "it is too short"}
	}
	signature, text := plain[:ed25519.SignatureSize], plain[ed25519.SignatureSize:]
	if err := json.Unmarshal(text, &m); err != nil {
		return m, &events.DamagedError{Name: name, Reason: err.Error()}
	}
	public, err := c.Trusted(m.Device)
	if err != nil {
		return m, err
	}
	if !ed25519.Verify(public, signedText(text), signature) {
		return m, fmt.Errorf("device %q: %w", m.Device, ErrForged)
	}
	if m.ID != s.id || m.Practice != c.Practice {
		return m, ErrForeign
	}
	return m, m.validate()
}

// validate bounds what a manifest may ask for.
func (m Manifest) validate() error {
	if len(m.Parts) == 0 || m.Events < 0 || !wellNamed(m.ID) {
		return errors.New("its manifest makes no sense")
	}
	for _, p := range m.Parts {
		if p.Plain <= 0 || p.Plain > maxPart || p.Sealed <= overhead || p.Sealed > 2*maxPart {
			return fmt.Errorf("its manifest names a part of %d bytes (%d sealed): want at most %d", p.Plain, p.Sealed, maxPart)
		}
	}
	return nil
}

// wellNamed reports whether an id can be part of a file's name.
func wellNamed(id string) bool {
	return id != "" && len(id) <= 40 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

package events

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A sealed body is
//
//	1 byte   version, 1
//	16 bytes id of the key
//	12 bytes nonce
//	rest     AES-256-GCM of a zstd frame, with 16 bytes of tag
//
// and the additional data of the seal is "carelog seal v1\n<event id>\n<Type/id>\n".
// Nonces are random: NIST SP 800-38D allows 2^32 of them under one key, and a
// dossier has thousands.
const (
	sealVersion = 1
	nonceSize   = 12
	sealHead    = 1 + keyIDSize + nonceSize
	sealTag     = 16
	keySize     = 32
	keyIDSize   = 16
)

// The dictionary is part of the format: a frame names it by its id, and it stays for
// ever. It is in zstd's own form, so that any zstd tool opens a frame with it.
//
//go:embed dictionary-1.zdict
var dictionary []byte

var (
	// The fastest level: with the dictionary a typical body is 1 % larger than at the
	// default one, and takes a third of the time.
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // options and dictionary are constants
		}
		return e
	})
	decoderOf = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderDicts(dictionary),
			zstd.WithDecoderMaxMemory(MaxPlain), zstd.WithDecoderConcurrency(0))
		if err != nil {
			panic(err) // options and dictionary are constants
		}
		return d
	})
)

// frames are buffers for what was opened and is still to be unpacked: the frame of an event
// is needed for a few microseconds, and was a twentieth of what a first read leaves behind.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// maxKeptFrame is from how many bytes on a buffer is not kept.
const maxKeptFrame = 64 << 10

// KeyID names a key without telling it: the first bytes of its SHA-256. Sixteen of
// them, since AES-GCM does not bind a text to its key: with two keys of one id, a
// device could make a body that says one thing here and another thing there.
type KeyID [keyIDSize]byte

// String returns the key id in lower-case hexadecimal.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// ParseKeyID reads what String wrote.
func ParseKeyID(s string) (id KeyID, err error) {
	if !unhex(id[:], s) {
		return KeyID{}, fmt.Errorf("%q is no key id: want %d digits of 0-9 and a-f", clip(s), 2*keyIDSize)
	}
	return id, nil
}

// Key is a secret of 32 bytes that seals: a patient's, or the practice's.
type Key struct {
	id   KeyID
	aead cipher.AEAD
	raw  [keySize]byte
}

// NewKey makes a key from chance; nil means crypto/rand.
func NewKey(entropy io.Reader) (Key, error) {
	if entropy == nil {
		entropy = rand.Reader
	}
	var raw [keySize]byte
	if _, err := io.ReadFull(entropy, raw[:]); err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return KeyFrom(raw[:])
}

// KeyFrom makes a key of 32 secret bytes.
func KeyFrom(raw []byte) (Key, error) {
	if len(raw) != keySize {
		return Key{}, fmt.Errorf("a key has %d bytes, not %d", keySize, len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	return Key{id: keyIDOf(raw), aead: aead, raw: [keySize]byte(raw)}, nil
}

func keyIDOf(raw []byte) KeyID {
	sum := sha256.Sum256(append(append(make([]byte, 0, 64), "carelog key id v1\n"...), raw...))
	return KeyID(sum[:keyIDSize])
}

// String names the key and does not tell it, so that no log and no error can.
func (k Key) String() string { return "key " + k.id.String() }

// GoString does as String.
func (k Key) GoString() string { return k.String() }

// ID names the key.
func (k Key) ID() KeyID { return k.id }

// IsZero reports whether k was never set.
func (k Key) IsZero() bool { return k.aead == nil }

// ErrTooLarge says that a resource is over MaxPlain, or over MaxSealed once sealed.
var ErrTooLarge = errors.New("the resource is too large: letters and scans belong in an attachment")

// Seal compresses and encrypts a resource for the event and record named.
func (k Key) Seal(id ID, r Record, plain []byte) ([]byte, error) {
	if len(plain) > MaxPlain {
		return nil, fmt.Errorf("seal %s with %d bytes (at most %d): %w", r, len(plain), MaxPlain, ErrTooLarge)
	}
	frame := encoder().EncodeAll(plain, make([]byte, 0, len(plain)/2+64))
	sealed := k.box(frame, sealData(id, r))
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("seal %s with %d bytes compressed (at most %d): %w", r, len(sealed), MaxSealed, ErrTooLarge)
	}
	return sealed, nil
}

// Open reverses Seal. It returns a *BrokenError where the body was sealed by
// another key, for another event or record, or was changed.
func (k Key) Open(id ID, r Record, sealed []byte) ([]byte, error) {
	space := frames.Get().(*[]byte)
	defer frames.Put(space)
	frame, err := k.unbox((*space)[:0], sealed, sealData(id, r))
	if err != nil {
		return nil, &BrokenError{ID: id.String(), Reason: err.Error()}
	}
	if *space = frame; cap(frame) > maxKeptFrame {
		*space = nil
	}
	plain, err := decoderOf().DecodeAll(frame, nil)
	if err != nil {
		return nil, &BrokenError{ID: id.String(), Reason: "its body does not unpack: " + err.Error()}
	}
	return plain, nil
}

// SealedBy returns the id of the key that a body was sealed with.
func SealedBy(sealed []byte) (KeyID, error) {
	if len(sealed) < sealHead+sealTag {
		return KeyID{}, errors.New("its body is too short to be sealed")
	}
	if sealed[0] != sealVersion {
		return KeyID{}, fmt.Errorf("its body is sealed in form %d, and this version knows form %d", sealed[0], sealVersion)
	}
	return KeyID(sealed[1 : 1+keyIDSize]), nil
}

func (k Key) box(plain, data []byte) []byte {
	out := make([]byte, sealHead, sealHead+len(plain)+sealTag)
	out[0] = sealVersion
	copy(out[1:], k.id[:])
	nonce := out[1+keyIDSize : sealHead]
	if _, err := rand.Read(nonce); err != nil {
		panic(err) // crypto/rand.Read never fails: it ends the program instead
	}
	return k.aead.Seal(out, nonce, plain, data)
}

// unbox appends what was boxed to into, which may be nil.
func (k Key) unbox(into, boxed, data []byte) ([]byte, error) {
	id, err := SealedBy(boxed)
	if err != nil {
		return nil, err
	}
	if id != k.id {
		return nil, fmt.Errorf("its body is sealed by key %s, not %s", id, k.id)
	}
	plain, err := k.aead.Open(into, boxed[1+keyIDSize:sealHead], boxed[sealHead:], data)
	if err != nil {
		return nil, errors.New("its body does not open: it was changed, or sealed for another event")
	}
	return plain, nil
}

func sealData(id ID, r Record) []byte {
	b := append(make([]byte, 0, 128), "carelog seal v1\n"...)
	b = append(id.append(b), '\n')
	return append(append(append(append(b, r.Type...), '/'), r.ID...), '\n')
}

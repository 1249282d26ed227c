package events

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if !unhex(d[:], s) {
		return Digest{}, fmt.Errorf("%q is no digest: want 64 digits of 0-9 and a-f", clip(s))
	}
	return d, nil
}

// Digest is the SHA-256 of the event without its signature:
//
//	carelog event v1\n
//	<subject on the broker>\n
//	<attribute>:<value>\n   for each attribute but ce-sig, sorted by name
//	\n
//	<SHA-256 of the sealed body, 32 bytes>
//
// It covers attributes that this version does not know, so that a newer device's
// events verify on an older one.
func (e *Event) Digest() Digest {
	var space [1024]byte // enough for nearly all, so that nothing is allocated
	b := append(space[:0], digestHead...)
	b = append(append(append(b, subjectRoot...), e.Practice...), '.')
	b = append(append(b, SubjectToken(e.Patient)...), '\n')
	extra := e.Extra
	for _, name := range signed {
		for len(extra) > 0 && extra[0].Name < name {
			b = appendLine(b, extra[0].Name, extra[0].Value)
			extra = extra[1:]
		}
		line := len(b)
		b = append(append(b, name...), ':')
		value := len(b)
		if b = e.appendValue(b, name); len(b) == value {
			b = b[:line]
			continue
		}
		b = append(b, '\n')
	}
	for _, a := range extra {
		b = appendLine(b, a.Name, a.Value)
	}
	return digestOf(b, e.Sealed)
}

// Fingerprint is the SHA-256 of the event's digest and its signature: all that the
// log holds of it. It equals the Fingerprint of the event's message.
func (e *Event) Fingerprint() Digest { return FingerprintOf(e.Digest(), e.Signature) }

// FingerprintOf is Fingerprint for a digest already known.
func FingerprintOf(d Digest, signature [ed25519.SignatureSize]byte) Digest {
	var b [len(d) + len(signature)]byte
	copy(b[:], d[:])
	copy(b[len(d):], signature[:])
	return sha256.Sum256(b[:])
}

// Fingerprint stands for the message in the hash of the log. It is a function of the
// message alone and not of what this version can read: an older device that takes a
// newer event for broken comes to the same hash as the others.
//
// A message whose attributes each stand once, with a signature, is hashed as an
// event is, whether or not it is one. Any other message is hashed field by field,
// without the broker's own headers (Nats-…):
//
//	carelog message v1\n
//	<subject>, then <name><value> for each value of each header sorted by name, then <data>
//
// where each field is its length in decimal digits, a colon, its bytes and a comma.
func (m Message) Fingerprint() Digest {
	names := slices.Sorted(maps.Keys(m.Header))
	if text, signature, ok := m.signedText(names); ok {
		return FingerprintOf(digestOf(text, m.Data), signature)
	}
	b := append(make([]byte, 0, 1024+len(m.Data)), "carelog message v1\n"...)
	b = appendField(b, m.Subject)
	for _, name := range names {
		if strings.HasPrefix(name, "Nats-") {
			continue
		}
		for _, value := range m.Header[name] {
			b = appendField(appendField(b, name), value)
		}
	}
	return sha256.Sum256(appendField(b, string(m.Data)))
}

// signedText returns what Event.Digest hashes before the body, and the signature;
// not ok where the message cannot be written so without being mistaken for another.
func (m Message) signedText(names []string) (text []byte, signature [ed25519.SignatureSize]byte, ok bool) {
	if values := m.Header[attrSig]; len(values) == 1 {
		signature, ok = parseSignature(values[0])
	}
	if !ok || strings.Contains(m.Subject, "\n") {
		return nil, signature, false
	}
	text = append(append(append(text, digestHead...), m.Subject...), '\n')
	for _, name := range names {
		if !isAttribute(name) || name == attrSig {
			continue
		}
		values := m.Header[name]
		if len(values) != 1 || strings.ContainsAny(name, ":\n") || strings.Contains(values[0], "\n") {
			return nil, signature, false
		}
		text = appendLine(text, name, values[0])
	}
	return text, signature, true
}

const digestHead = "carelog event v1\n"

// digestOf hashes the text of an event, the empty line that ends it, and its body.
func digestOf(text, body []byte) Digest {
	sum := sha256.Sum256(body)
	return sha256.Sum256(append(append(text, '\n'), sum[:]...))
}

func appendLine(b []byte, name, value string) []byte {
	b = append(append(b, name...), ':')
	return append(append(b, value...), '\n')
}

// appendField writes a field that cannot run into the next one, whatever is in it.
func appendField(b []byte, s string) []byte {
	b = append(strconv.AppendInt(b, int64(len(s)), 10), ':')
	return append(append(b, s...), ',')
}

// unhex reads lower-case hexadecimal digits that fill dst, or reports false.
func unhex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if high|low > 0xf {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func hexDigit(b byte) byte { return hexDigits[b] }

// hexDigits are the values of lower-case hexadecimal digits; 0xff for what is none.
var hexDigits = func() (value [256]byte) {
	for b := range value {
		value[b] = 0xff
	}
	for i, digit := range []byte("0123456789abcdef") {
		value[digit] = byte(i)
	}
	return value
}()

package events_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

func TestPositionTellsLogsApart(t *testing.T) {
	a, b := events.Digest{1}, events.Digest{2}
	start := events.Position{}
	same := start.Next(1, a).Next(2, b)
	for name, other := range map[string]events.Position{
		"another order":        start.Next(1, b).Next(2, a),
		"a message less":       start.Next(2, b),
		"a message twice":      start.Next(1, a).Next(2, a),
		"a gap before the end": start.Next(1, a).Next(3, b),
	} {
		if other.Hash == same.Hash {
			t.Errorf("%s has the same hash", name)
		}
	}
	if again := start.Next(1, a).Next(2, b); again != same {
		t.Errorf("got %v, want %v", again, same)
	}
}

func TestSignedPosition(t *testing.T) {
	position := func() events.SignedPosition {
		p := events.SignedPosition{
			Position: events.Position{Sequence: 9, Hash: events.Digest{1}}, Practice: "p1", Device: "d1", Stream: "s",
		}
		p.Sign(deviceKey)
		return p
	}
	p := position()
	var read events.SignedPosition
	if err := json.Unmarshal(must(json.Marshal(p)), &read); err != nil {
		t.Fatal(err)
	}
	if err := read.Verify(devicePub); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*events.SignedPosition){
		"sequence":  func(p *events.SignedPosition) { p.Sequence++ },
		"hash":      func(p *events.SignedPosition) { p.Hash[0]++ },
		"practice":  func(p *events.SignedPosition) { p.Practice = "p2" },
		"device":    func(p *events.SignedPosition) { p.Device = "d2" },
		"stream":    func(p *events.SignedPosition) { p.Stream = "t" },
		"fields":    func(p *events.SignedPosition) { p.Practice, p.Device = "p1d", "1" },
		"signature": func(p *events.SignedPosition) { p.Signature[0]++ },
		"none":      func(p *events.SignedPosition) { p.Signature = nil },
	} {
		p := position()
		change(&p)
		if p.Verify(devicePub) == nil {
			t.Errorf("%s changed: want an error", name)
		}
	}
	for _, key := range []ed25519.PublicKey{nil, devicePub[:31], rootPub} {
		if p.Verify(key) == nil || written().Verify(key) == nil {
			t.Errorf("key %x: want an error and no panic", key)
		}
	}
}

func TestCertificate(t *testing.T) {
	certificate := events.Certify(rootKey, "p1", "d1", devicePub)
	if err := events.VerifyCertificate(rootPub, "p1", "d1", devicePub, certificate); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"practice":    events.VerifyCertificate(rootPub, "p2", "d1", devicePub, certificate),
		"device":      events.VerifyCertificate(rootPub, "p1", "d2", devicePub, certificate),
		"key":         events.VerifyCertificate(rootPub, "p1", "d1", rootPub, certificate),
		"root":        events.VerifyCertificate(devicePub, "p1", "d1", devicePub, certificate),
		"no key":      events.VerifyCertificate(rootPub, "p1", "d1", nil, certificate),
		"no root":     events.VerifyCertificate(nil, "p1", "d1", devicePub, certificate),
		"certificate": events.VerifyCertificate(rootPub, "p1", "d1", devicePub, certificate[1:]),
	} {
		if !errors.Is(err, events.ErrNotCertified) {
			t.Errorf("another %s: got %v, want ErrNotCertified", name, err)
		}
	}
}

// Every byte of an event counts, but for the broker's own headers.
func TestEveryChangeBreaksTheSignature(t *testing.T) {
	original := must(events.Encode(written()))
	for name, values := range original.Header {
		if name == events.HeaderMsgID {
			continue
		}
		for i := range values[0] {
			for _, bit := range []byte{1, 2, 4} {
				m := clone(original)
				changed := []byte(values[0])
				changed[i] ^= bit
				m.Header[name] = []string{string(changed)}
				if name == "ce-id" {
					delete(m.Header, events.HeaderMsgID)
				}
				if m.Fingerprint() == original.Fingerprint() {
					t.Errorf("%s: %q has the fingerprint of %q", name, changed, values[0])
				}
				e, err := events.Decode(m)
				if err == nil && e.Verify(devicePub) == nil {
					t.Errorf("%s: %q verifies in place of %q", name, changed, values[0])
				}
			}
		}
	}
	for i := range original.Data {
		m := clone(original)
		m.Data[i] ^= 1
		if e := must(events.Decode(m)); e.Verify(devicePub) == nil || m.Fingerprint() == original.Fingerprint() {
			t.Errorf("byte %d of the body does not count", i)
		}
	}
	m := clone(original)
	m.Subject = events.Subject("p1", "pat.2")
	if e := must(events.Decode(m)); e.Verify(devicePub) == nil {
		t.Error("the dossier does not count")
	}
}

func TestFingerprintNeedsNoDecoder(t *testing.T) {
	e := written()
	m := must(events.Encode(e))
	if m.Fingerprint() != e.Fingerprint() {
		t.Error("the fingerprint of the message is not that of its event")
	}
	m.Header["Nats-Expected-Last-Sequence"] = []string{"4"}
	delete(m.Header, events.HeaderMsgID)
	if m.Fingerprint() != e.Fingerprint() {
		t.Error("the broker's headers count")
	}
}

// Two messages that differ in anything have different fingerprints, also where a
// value could be taken for the end of a line or of a field.
func TestFingerprintOfAnyMessage(t *testing.T) {
	piece := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "a:b", "a\nce-b:c", "1:a,", "ce-a", "ce-b", "c"}), rapid.StringMatching(`[a-c:\n,1]{0,4}`))
	message := rapid.Custom(func(t *rapid.T) events.Message {
		m := events.Message{Subject: piece.Draw(t, "subject"), Header: map[string][]string{}, Data: []byte(piece.Draw(t, "data"))}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			name := "ce-" + piece.Draw(t, "name")
			m.Header[name] = append(m.Header[name], piece.Draw(t, "value"))
		}
		if rapid.Bool().Draw(t, "signed") {
			m.Header["ce-sig"] = must(events.Encode(written())).Header["ce-sig"]
		}
		return m
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := message.Draw(t, "a"), message.Draw(t, "b")
		if same := bytes.Equal(must(json.Marshal(a)), must(json.Marshal(b))); same != (a.Fingerprint() == b.Fingerprint()) {
			t.Fatalf("%q and %q: equal %v, fingerprints equal %v", a, b, same, !same)
		}
	})
}

func TestFingerprintKeepsNamesAndValuesApart(t *testing.T) {
	with := func(header ...string) events.Digest {
		m := clone(must(events.Encode(written())))
		for i := 0; i < len(header); i += 2 {
			m.Header[header[i]] = []string{header[i+1]}
		}
		return m.Fingerprint()
	}
	if with("ce-a:b", "c") == with("ce-a", "b:c") {
		t.Error("a colon in a name is taken for the end of the name")
	}
	if with("ce-zy", "b\nce-zz:c") == with("ce-zy", "b", "ce-zz", "c") {
		t.Error("a line end in a value is taken for the end of the value")
	}
}

func TestChainGoesOnBehindASetAside(t *testing.T) {
	refused := written()
	stub := &events.Event{Type: events.SetAside, Chain: refused.Chain, Replaces: refused.Link()}
	if stub.Follows() != refused.Follows() {
		t.Errorf("behind the stub comes %v, behind the event %v", stub.Follows(), refused.Follows())
	}
	later := &events.Event{Type: "carelog.event.setaside.v2", Chain: refused.Chain, Replaces: refused.Link()}
	if later.Follows() != refused.Follows() {
		t.Error("a stub of a newer version breaks the chain")
	}
}

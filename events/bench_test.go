package events_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/events"
)

// benchEvent is a typical event: one parent, a sealed resource of about 1 KB.
func benchEvent(b *testing.B) (*events.Keyring, *events.Event, events.Message) {
	ring := ringFor(b, "pat.1")
	e := written()
	e.Parents = e.Parents[:1]
	e.Sealed = must(ring.Seal(e.Patient, e.ID, e.Record, []byte(typical)))
	e.Sign(deviceKey)
	b.ReportAllocs()
	return ring, e, must(events.Encode(e))
}

var sink any

func BenchmarkEncode(b *testing.B) {
	_, e, _ := benchEvent(b)
	for b.Loop() {
		sink = must(events.Encode(e))
	}
}

func BenchmarkDecode(b *testing.B) {
	_, _, m := benchEvent(b)
	for b.Loop() {
		sink = must(events.Decode(m))
	}
}

func BenchmarkDecodeAndDigest(b *testing.B) {
	_, _, m := benchEvent(b)
	for b.Loop() {
		if _, digest, err := events.DecodeAndDigest(m); err != nil || digest.IsZero() {
			b.Fatal(digest, err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	_, e, _ := benchEvent(b)
	for b.Loop() {
		if e.Digest().IsZero() {
			b.Fatal("no digest")
		}
	}
}

func BenchmarkFingerprintOfMessage(b *testing.B) {
	_, _, m := benchEvent(b)
	for b.Loop() {
		if m.Fingerprint().IsZero() {
			b.Fatal("no fingerprint")
		}
	}
}

func BenchmarkSign(b *testing.B) {
	_, e, _ := benchEvent(b)
	for b.Loop() {
		e.Sign(deviceKey)
	}
}

func BenchmarkVerify(b *testing.B) {
	_, e, _ := benchEvent(b)
	for b.Loop() {
		if err := e.Verify(devicePub); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	ring, e, _ := benchEvent(b)
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		sink = must(ring.Seal(e.Patient, e.ID, e.Record, []byte(typical)))
	}
	b.ReportMetric(float64(len(e.Sealed)), "sealed-bytes")
	bare := must(zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true)))
	overhead := len(e.Sealed) - len(must(zstd.NewWriter(nil, zstd.WithEncoderDict(must(os.ReadFile("dictionary-1.zdict"))),
		zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))).EncodeAll([]byte(typical), nil))
	b.ReportMetric(float64(len(bare.EncodeAll([]byte(typical), nil))+overhead), "bytes-without-dictionary")
}

func BenchmarkOpen(b *testing.B) {
	ring, e, _ := benchEvent(b)
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if !bytes.Equal(must(ring.Open(e)), []byte(typical)) {
			b.Fatal("another text")
		}
	}
}

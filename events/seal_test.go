package events_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

var (
	sealedID     = must(events.ParseID("01KB0000000000000000000001"))
	sealedRecord = events.Record{Type: "Condition", ID: "c1"}
)

func TestSealOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(t, "plain")
		sealed := must(practiceKey.Seal(sealedID, sealedRecord, plain))
		if by := must(events.SealedBy(sealed)); by != practiceKey.ID() {
			t.Fatalf("got the key id %s, want %s", by, practiceKey.ID())
		}
		got, err := practiceKey.Open(sealedID, sealedRecord, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %q, %v, want %q", got, err, plain)
		}
	})
}

func TestSealIsNeverTheSame(t *testing.T) {
	a, b := must(practiceKey.Seal(sealedID, sealedRecord, []byte(typical))), must(practiceKey.Seal(sealedID, sealedRecord, []byte(typical)))
	if bytes.Equal(a, b) {
		t.Error("two seals of one text are equal: the nonce repeats")
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	sealed := must(practiceKey.Seal(sealedID, sealedRecord, []byte(`{"resourceType":"Basic"}`)))
	for i := range len(sealed) * 8 {
		changed := bytes.Clone(sealed)
		changed[i/8] ^= 1 << (i % 8)
		var broken *events.BrokenError
		if plain, err := practiceKey.Open(sealedID, sealedRecord, changed); !errors.As(err, &broken) {
			t.Fatalf("bit %d flipped: got %q, %v, want a BrokenError", i, plain, err)
		}
	}
	for n := range len(sealed) {
		if _, err := practiceKey.Open(sealedID, sealedRecord, sealed[:n]); err == nil {
			t.Fatalf("cut to %d bytes: want an error", n)
		}
	}
}

func TestSealIsBoundToEventRecordAndKey(t *testing.T) {
	sealed := must(practiceKey.Seal(sealedID, sealedRecord, []byte(typical)))
	otherKey := must(events.NewKey(nil))
	for name, open := range map[string]func() ([]byte, error){
		"another event": func() ([]byte, error) {
			return practiceKey.Open(must(events.ParseID("01KB0000000000000000000002")), sealedRecord, sealed)
		},
		"another record": func() ([]byte, error) {
			return practiceKey.Open(sealedID, events.Record{Type: "Condition", ID: "c2"}, sealed)
		},
		"another type": func() ([]byte, error) {
			return practiceKey.Open(sealedID, events.Record{Type: "Allergy", ID: "c1"}, sealed)
		},
		"another key": func() ([]byte, error) { return otherKey.Open(sealedID, sealedRecord, sealed) },
	} {
		var broken *events.BrokenError
		if _, err := open(); !errors.As(err, &broken) || broken.ID == "" {
			t.Errorf("%s: got %v, want a BrokenError that names the event", name, err)
		}
	}
}

func TestSealBounds(t *testing.T) {
	full := bytes.Repeat([]byte("a"), events.MaxPlain)
	sealed, err := practiceKey.Seal(sealedID, sealedRecord, full)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := practiceKey.Open(sealedID, sealedRecord, sealed); err != nil || len(got) != len(full) {
		t.Errorf("got %d bytes, %v, want all %d", len(got), err, len(full))
	}
	if _, err := practiceKey.Seal(sealedID, sealedRecord, append(full, 'a')); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("one byte over MaxPlain: got %v, want ErrTooLarge", err)
	}
	noise := make([]byte, events.MaxSealed)
	if _, err := practiceKey.Seal(sealedID, sealedRecord, must(randomBytes(noise))); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("noise of MaxSealed bytes: got %v, want ErrTooLarge", err)
	}
}

// A device of the practice could seal a frame that unpacks without end. It is made
// here by hand, with and without the size in its head, and as many frames in a row.
func TestBombIsAnErrorAndTakesLittleMemory(t *testing.T) {
	zeros := make([]byte, 4*events.MaxPlain)
	declared := must(zstd.NewWriter(nil)).EncodeAll(zeros, nil)
	var undeclared bytes.Buffer
	w := must(zstd.NewWriter(&undeclared, zstd.WithEncoderConcurrency(1)))
	must(w.Write(zeros))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	half := must(zstd.NewWriter(nil)).EncodeAll(zeros[:events.MaxPlain/2], nil)
	for name, frame := range map[string][]byte{
		"size in its head": declared, "no size": undeclared.Bytes(), "frames in a row": bytes.Repeat(half, 20),
	} {
		sealed := sealByHand(frame)
		if len(sealed) > events.MaxSealed {
			t.Fatalf("%s: the bomb has %d bytes and would not get here", name, len(sealed))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var broken *events.BrokenError
		if plain, err := practiceKey.Open(sealedID, sealedRecord, sealed); !errors.As(err, &broken) {
			t.Errorf("%s: got %d bytes, %v, want a BrokenError", name, len(plain), err)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 6*events.MaxPlain {
			t.Errorf("%s: allocated %d MB, want at most %d", name, grown>>20, 6*events.MaxPlain>>20)
		}
	}
}

// sealByHand builds a sealed body as the format says, and not by the code.
func sealByHand(frame []byte) []byte {
	id := practiceKey.ID()
	nonce := make([]byte, 12)
	sealed := append(append([]byte{1}, id[:]...), nonce...)
	aead := must(cipher.NewGCM(must(aes.NewCipher(bytes.Repeat([]byte{42}, 32)))))
	data := fmt.Sprintf("carelog seal v1\n%s\n%s\n", sealedID, sealedRecord)
	return aead.Seal(sealed, nonce, frame, []byte(data))
}

func TestSealIsAsTheFormatSays(t *testing.T) {
	dictionary := must(os.ReadFile("dictionary-1.zdict"))
	frame := must(zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary))).EncodeAll([]byte(typical), nil)
	if got, err := practiceKey.Open(sealedID, sealedRecord, sealByHand(frame)); err != nil || string(got) != typical {
		t.Errorf("sealed by hand: got %q, %v", got, err)
	}
	bare := must(zstd.NewWriter(nil)).EncodeAll([]byte(typical), nil)
	if got, err := practiceKey.Open(sealedID, sealedRecord, sealByHand(bare)); err != nil || string(got) != typical {
		t.Errorf("sealed by hand without the dictionary: got %q, %v", got, err)
	}
	if _, err := practiceKey.Open(sealedID, sealedRecord, sealByHand([]byte("no frame"))); err == nil {
		t.Error("a body that is no frame: want an error")
	}
	if info := must(zstd.InspectDictionary(dictionary)); info.ID() != 1 {
		t.Errorf("got the dictionary id %d, want 1", info.ID())
	}
}

func TestSealedByAnotherForm(t *testing.T) {
	sealed := must(practiceKey.Seal(sealedID, sealedRecord, []byte(typical)))
	sealed[0] = 2
	if _, err := events.SealedBy(sealed); err == nil || !strings.Contains(err.Error(), "form 2") {
		t.Errorf("got %v, want an error that names the form", err)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, practiceKey); got != "key "+practiceKey.ID().String() {
			t.Errorf("%s prints %q, want the id alone", verb, got)
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := events.KeyFrom(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes: want an error", n)
		}
	}
	if _, err := events.NewKey(bytes.NewReader(nil)); err == nil {
		t.Error("a key without chance: want an error")
	}
	if !(events.Key{}).IsZero() || practiceKey.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func randomBytes(b []byte) ([]byte, error) {
	state := uint64(1)
	for i := range b { // xorshift: does not compress
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return b, nil
}

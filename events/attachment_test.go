package events_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

// goldenAttachment is a content as it was kept by the first version that kept any.
type goldenAttachment struct {
	Content, Patient string
	Attachment       events.Attachment
	Piece            []byte
}

const attachmentFile = "attachment.json"

func attach(t testing.TB, ring *events.Keyring, patient string, content []byte) *events.PieceSeal {
	t.Helper()
	seal, err := ring.Attach(patient, int64(len(content)), sha256.Sum256(content))
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

func TestGoldenAttachment(t *testing.T) {
	ring := goldenRing(t)
	addGolden(t, attachmentFile, func() any {
		content := "a letter"
		seal := attach(t, ring, "pat.1", []byte(content))
		return goldenAttachment{content, "pat.1", seal.Attachment(), must(seal.Seal(nil, 0, []byte(content)))}
	})
	var want goldenAttachment
	readGolden(t, filepath.Join(goldenDir, attachmentFile), &want)
	seal := attach(t, ring, want.Patient, []byte(want.Content))
	if diff := cmp.Diff(want.Attachment, seal.Attachment()); diff != "" {
		t.Errorf("the content has another name now (-golden +now):\n%s", diff)
	}
	if got := must(seal.Seal(nil, 0, []byte(want.Content))); !bytes.Equal(got, want.Piece) {
		t.Errorf("the content is sealed differently now: %x, want %x", got, want.Piece)
	}
	if got := must(must(ring.PieceSeal(want.Patient, want.Attachment)).Open(nil, 0, want.Piece)); string(got) != want.Content {
		t.Errorf("it opens to %q", got)
	}
}

// Another reader needs nothing but what DESIGN.md says.
func TestAttachmentByHand(t *testing.T) {
	ring := goldenRing(t)
	var all keys
	readGolden(t, filepath.Join(goldenDir, "keys.json"), &all)
	var want goldenAttachment
	readGolden(t, filepath.Join(goldenDir, attachmentFile), &want)
	_ = ring
	var raw []byte
	for _, k := range all {
		if k.ID == want.Attachment.Key.String() {
			raw = must(gcmOf(bytes.Repeat([]byte{42}, 32)).Open(nil, k.Wrapped[17:29], k.Wrapped[29:], []byte("carelog key v1\npat.1\n")))
		}
	}
	digest := sha256.Sum256([]byte(want.Content))
	mac := hmac.New(sha256.New, must(hkdf.Key(sha256.New, raw, nil, "carelog attachment name v1\n", 32)))
	mac.Write(binary.BigEndian.AppendUint64(digest[:], uint64(len(want.Content))))
	name := hex.EncodeToString(mac.Sum(nil))
	if name != want.Attachment.Name {
		t.Errorf("its name is %s, want %s", want.Attachment.Name, name)
	}
	key := must(hkdf.Key(sha256.New, raw, nil, "carelog attachment key v1\n"+name+"\n", 32))
	plain, err := gcmOf(key).Open(nil, make([]byte, 12), want.Piece[1:], fmt.Appendf(nil, "carelog attachment v1\n%s\n0\n1\n", name))
	if err != nil || string(plain) != want.Content || want.Piece[0] != 1 {
		t.Errorf("opened by hand it is %q, %v", plain, err)
	}
}

func gcmOf(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

func TestAttachmentBounds(t *testing.T) {
	ring := goldenRing(t)
	for _, size := range []int64{-1, 0, events.MaxAttachment + 1, 1 << 62} {
		if _, err := ring.Attach("pat.1", size, events.Digest{}); !errors.Is(err, events.ErrAttachmentSize) {
			t.Errorf("%d bytes: %v, want that this is no size", size, err)
		}
	}
	if _, err := ring.Attach("nobody", 1, events.Digest{}); !errors.Is(err, events.ErrNoKey) {
		t.Errorf("a patient without a key: %v", err)
	}
	seal := must(ring.Attach("pat.1", events.PieceSize+1, events.Digest{1}))
	a := seal.Attachment()
	if a.Pieces() != 2 || a.PieceLen(0) != events.PieceSize || a.PieceLen(1) != 1 || a.SealedSize() != a.Size+2*events.PieceOverhead {
		t.Errorf("%d pieces of %d and %d bytes, %d sealed", a.Pieces(), a.PieceLen(0), a.PieceLen(1), a.SealedSize())
	}
	for _, wrong := range []struct{ number, size int }{{-1, events.PieceSize}, {0, 1}, {1, 2}, {2, 1}} {
		if _, err := seal.Seal(nil, wrong.number, make([]byte, wrong.size)); err == nil {
			t.Errorf("piece %d of %d bytes is sealed", wrong.number, wrong.size)
		}
	}
	for _, change := range []func(*events.Attachment){
		func(a *events.Attachment) { a.Size++ },
		func(a *events.Attachment) { a.Digest[0] ^= 1 },
		func(a *events.Attachment) { a.Name = a.Name[1:] + "0" },
		func(a *events.Attachment) { a.Name = "" },
	} {
		other := a
		change(&other)
		if _, err := ring.PieceSeal("pat.1", other); !errors.Is(err, events.ErrForeignAttachment) {
			t.Errorf("%+v is taken for one of this dossier: %v", other, err)
		}
	}
}

// FuzzOpenPiece: nothing opens but what was sealed, in its place.
func FuzzOpenPiece(f *testing.F) {
	ring := events.NewKeyring(practiceKey)
	if _, err := ring.Make("pat.1"); err != nil {
		f.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), events.PieceSize/16+1)
	seal := attach(f, ring, "pat.1", content)
	pieces := [][]byte{must(seal.Seal(nil, 0, content[:events.PieceSize])), must(seal.Seal(nil, 1, content[events.PieceSize:]))}
	f.Add(1, pieces[1])
	f.Add(0, pieces[1])
	f.Add(2, pieces[1][:16])
	f.Add(-1, []byte{})
	f.Fuzz(func(t *testing.T, number int, sealed []byte) {
		plain, err := seal.Open(nil, number, sealed)
		var damaged *events.DamagedError
		switch {
		case err != nil && !errors.As(err, &damaged):
			t.Fatalf("got %v, want a DamagedError", err)
		case err == nil && (number < 0 || number > 1 || !bytes.Equal(sealed, pieces[number])):
			t.Fatalf("%d bytes open in place %d and were never sealed", len(plain), number)
		}
	})
}

// A key that was erased names no new content: a desk that comes later is not given it, and could not open what it names.
func TestAnErasedKeyNamesNoAttachment(t *testing.T) {
	ring := events.NewKeyring(practiceKey)
	erased := make(map[events.KeyID]bool)
	for range 3 { // the smallest id comes first or not
		k := must(ring.Make("pat.1"))
		erased[k.ID] = true
		ring.Retire(k)
	}
	if _, err := ring.Attach("pat.1", 1, events.Digest{}); !errors.Is(err, events.ErrNoKey) {
		t.Errorf("with erased keys alone: %v, want ErrNoKey", err)
	}
	for range 3 {
		if _, err := ring.Make("pat.1"); err != nil {
			t.Fatal(err)
		}
	}
	if by := attach(t, ring, "pat.1", []byte("a letter")).Attachment().Key; erased[by] {
		t.Errorf("it is named by %s, which was erased", by)
	}
}

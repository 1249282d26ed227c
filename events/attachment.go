package events

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Bounds of attachments, in bytes of plain content.
const (
	// MaxAttachment is how large a letter or scan may be.
	MaxAttachment = 50 << 20
	// PieceSize is how large each piece is but the last, which has the rest. It is part
	// of the form: from the size of a content follows how many pieces it has.
	PieceSize = 256 << 10
	// PieceOverhead is what sealing adds to a piece.
	PieceOverhead = 1 + sealTag
)

// A sealed piece is a byte for its form, 1, and AES-256-GCM with 16 bytes of tag. Its
// nonce is its number in 12 bytes, big-endian, and its additional data is
// "carelog attachment v1\n<name>\n<number>\n<pieces>\n". One key seals one content only,
// so no nonce is ever used for two texts, and whoever seals the same content under the
// same patient's key makes the same bytes.
const pieceForm = 1

// Attachment refers to a content that is kept beside the log, sealed in pieces. It
// stands within the sealed body of an event.
type Attachment struct {
	Name   string // on the server: what AttachmentName makes of the rest
	Key    KeyID  // of the patient's key under which it is sealed
	Size   int64  // bytes of the content, 1 to MaxAttachment
	Digest Digest // SHA-256 of the content
}

// Pieces is how many pieces it has.
func (a Attachment) Pieces() int { return int((a.Size + PieceSize - 1) / PieceSize) }

// PieceLen is how many bytes of the content a piece has.
func (a Attachment) PieceLen(number int) int {
	return int(min(PieceSize, a.Size-int64(number)*PieceSize))
}

// SealedSize is how many bytes all pieces have together once they are sealed.
func (a Attachment) SealedSize() int64 { return a.Size + int64(a.Pieces())*PieceOverhead }

// ValidateAttachmentName reports what is wrong with a name: it is 64 digits of 0-9 and a-f.
func ValidateAttachmentName(name string) error {
	var b [sha256.Size]byte
	if !unhex(b[:], name) {
		return fmt.Errorf("%q is no name of an attachment: want %d digits of 0-9 and a-f", clip(name), 2*len(b))
	}
	return nil
}

// Errors of attachments.
var (
	ErrAttachmentSize = errors.New("an attachment has 1 byte to 50 MiB")
	// ErrForeignAttachment says that a reference was not made for this dossier.
	ErrForeignAttachment = errors.New("the attachment is not one of this dossier: send its content")
)

// ErrTaken says that a piece was not stored, because one stands in its place already.
var ErrTaken = errors.New("a piece stands there already")

// PieceSeal seals and opens the pieces of one attachment.
type PieceSeal struct {
	attachment Attachment
	aead       cipher.AEAD
}

// Attach names a content by its digest, under the key that also seals the patient's
// records (Seal), so that equal contents of a dossier are kept once. Errors: ErrNoKey, ErrKeysUnread, ErrAttachmentSize.
func (r *Keyring) Attach(patient string, size int64, digest Digest) (*PieceSeal, error) {
	k, err := r.sealing(patient)
	if err != nil {
		return nil, fmt.Errorf("name an attachment of patient %q: %w", patient, err)
	}
	a := Attachment{Key: k.id, Size: size, Digest: digest}
	if err := a.sized(); err != nil {
		return nil, err
	}
	if a.Name, err = k.attachmentName(a); err != nil {
		return nil, err
	}
	return k.pieceSeal(a)
}

// PieceSeal returns what opens the pieces of an attachment of a patient. Errors:
// ErrNoKey; ErrKeysUnread; ErrForeignAttachment where the name is not what the patient's key makes of
// size and digest, so that nobody can refer to what they were not given.
func (r *Keyring) PieceSeal(patient string, a Attachment) (*PieceSeal, error) {
	if err := a.sized(); err != nil {
		return nil, err
	}
	k, err := r.find(patient, a.Key)
	if err != nil {
		return nil, fmt.Errorf("open an attachment of patient %q: key %s: %w", patient, a.Key, err)
	}
	name, err := k.attachmentName(a)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(name), []byte(a.Name)) {
		return nil, ErrForeignAttachment
	}
	return k.pieceSeal(a)
}

func (a Attachment) sized() error {
	if a.Size < 1 || a.Size > MaxAttachment {
		return fmt.Errorf("%d bytes: %w", a.Size, ErrAttachmentSize)
	}
	return nil
}

// attachmentName is a keyed digest: who has not the key cannot tell what is kept, nor
// whether it is something that they know.
func (k Key) attachmentName(a Attachment) (string, error) {
	key, err := hkdf.Key(sha256.New, k.raw[:], nil, "carelog attachment name v1\n", keySize)
	if err != nil {
		return "", fmt.Errorf("name an attachment: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write(binary.BigEndian.AppendUint64(a.Digest[:], uint64(a.Size))) // never fails
	return hex.EncodeToString(mac.Sum(nil)), nil
}

func (k Key) pieceSeal(a Attachment) (*PieceSeal, error) {
	key, err := hkdf.Key(sha256.New, k.raw[:], nil, "carelog attachment key v1\n"+a.Name+"\n", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of attachment %s: %w", a.Name, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive the key of attachment %s: %w", a.Name, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("derive the key of attachment %s: %w", a.Name, err)
	}
	return &PieceSeal{attachment: a, aead: aead}, nil
}

// Attachment is what is sealed.
func (s *PieceSeal) Attachment() Attachment { return s.attachment }

// Seal appends a sealed piece to out. The plain bytes must be those that the digest of
// the attachment was made of.
func (s *PieceSeal) Seal(out []byte, number int, plain []byte) ([]byte, error) {
	if number < 0 || number >= s.attachment.Pieces() || len(plain) != s.attachment.PieceLen(number) {
		return nil, fmt.Errorf("seal piece %d of attachment %s: it cannot have %d bytes", number, s.attachment.Name, len(plain))
	}
	return s.aead.Seal(append(out, pieceForm), nonceOf(number), plain, s.data(number)), nil
}

// Open appends the plain bytes of a piece to out. A piece of another attachment or
// place, of a longer or shorter content, or that was changed, is a *DamagedError.
func (s *PieceSeal) Open(out []byte, number int, sealed []byte) ([]byte, error) {
	damaged := func(reason string) error {
		return &DamagedError{Name: fmt.Sprintf("%s, piece %d", s.attachment.Name, number), Reason: reason}
	}
	switch {
	case number < 0 || number >= s.attachment.Pieces():
		return nil, damaged("there is no such piece")
	case len(sealed) != s.attachment.PieceLen(number)+PieceOverhead:
		return nil, damaged(fmt.Sprintf("it has %d bytes, not %d", len(sealed), s.attachment.PieceLen(number)+PieceOverhead))
	case sealed[0] != pieceForm:
		return nil, damaged(fmt.Sprintf("its form is %d, and this version knows form %d", sealed[0], pieceForm))
	}
	plain, err := s.aead.Open(out, nonceOf(number), sealed[1:], s.data(number))
	if err != nil {
		return nil, damaged("it does not open: it was changed, or is another one")
	}
	return plain, nil
}

func nonceOf(number int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, nonceSize-8, nonceSize), uint64(number))
}

func (s *PieceSeal) data(number int) []byte {
	return fmt.Appendf(nil, "carelog attachment v1\n%s\n%d\n%d\n", s.attachment.Name, number, s.attachment.Pieces())
}

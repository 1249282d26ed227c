package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/events"
)

// Check reads a snapshot whole, and keeps nothing of it. That it can never be taken is a
// *events.DamagedError, or ErrNewer; after other errors nothing is known.
func Check(ctx context.Context, c Config, store Objects, m Manifest) error {
	if err := check(ctx, c, store, m); err != nil {
		return fmt.Errorf("check snapshot %s: %w", m.ID, err)
	}
	return nil
}

func check(ctx context.Context, c Config, store Objects, m Manifest) error {
	s, err := newSeal(c, m.ID)
	if err != nil {
		return err
	}
	decoder, err := newDecoder()
	if err != nil {
		return err
	}
	defer decoder.Close()
	return each(ctx, workers(), len(m.Parts), func(ctx context.Context, next func() (int, bool)) error {
		buffer := make([]byte, 0, m.largest())
		for i, ok := next(); ok; i, ok = next() {
			sealed, err := store.Object(ctx, partName(m.ID, i))
			if errors.Is(err, events.ErrNoMessage) && !errors.As(err, new(*events.DamagedError)) {
				err = &events.DamagedError{Name: partName(m.ID, i), Reason: "it is not there any more"}
			}
			if err == nil {
				_, err = s.openPart(m, i, sealed, decoder, buffer)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(workers()), zstd.WithDecoderMaxMemory(maxPart))
}

// openPart opens, unpacks and checks a part, in the room of buffer.
func (s *seal) openPart(m Manifest, number int, sealed []byte, decoder *zstd.Decoder, buffer []byte) ([]byte, error) {
	name, want := partName(m.ID, number), m.Parts[number]
	frame, err := s.unbox(name, sealed, s.partData(number, number == len(m.Parts)-1))
	if err != nil {
		return nil, err
	}
	plain, err := decoder.DecodeAll(frame, buffer[:0])
	if err != nil {
		return nil, &events.DamagedError{Name: name, Reason: err.Error()}
	}
	if int64(len(plain)) != want.Plain || sha256.Sum256(plain) != want.Digest {
		return nil, &events.DamagedError{Name: name, Reason: "it is not what the manifest says"}
	}
	return plain, nil
}

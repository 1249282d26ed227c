package broker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/carelog/carelog/broker/internal/blocks"
	"github.com/carelog/carelog/internal/localdisk"
)

// mendFiles cuts what is damaged out of the files of streams, before nats-server runs: that trusts its
// index, serves what stands around a damaged message and says that it has it; or, where it notices, it cuts off all
// that stands behind it too. After this it counts the message as gone, and the desks give it back. Looked at is the
// newest file, on which a failing disk and a power cut leave their marks first, and all of them where an earlier start
// has found damage, and where nats-server is to read them all, as after a power cut. What fails is logged; the broker starts all the same.
func mendFiles(ctx context.Context, all []standing, logger *slog.Logger) {
	for i, stood := range all {
		logger := logger.With(slog.String("practice", stood.practice), slog.String("stream", stood.stream))
		mended, err := stood.mend(ctx)
		if len(mended) > 0 {
			logger.Error("messages on this broker's disk were damaged, and are cut out of their files: leave the broker running and let every desk connect, they give back what they have; "+
				"and have the disk looked at", slog.Any("files", mended), slog.String("kept", stood.aside))
			files, failed := blocks.List(stood.folder, stood.stream)
			if failed == nil {
				all[i].files = files // as they are now
			}
			err = errors.Join(err, failed)
		}
		if err != nil && ctx.Err() == nil {
			logger.Error("a damaged file of a stream could not be mended", slog.Any("error", err))
		}
	}
}

// asked is the file that says that an earlier start has found damage.
func (s standing) asked() string { return filepath.Join(s.aside, s.stream+".mend") }

func (s standing) askToMend() error {
	return putAside(s.aside, map[string][]byte{filepath.Base(s.asked()): []byte("damage was found in this stream's files: they are mended at the next start\n")})
}

// mend writes the damaged files anew, with what is sound in them, and returns them. nats-server makes its
// index anew then. A kill at any point is made up for at the next start.
func (s standing) mend(ctx context.Context) (mended []string, err error) {
	if err := errors.Join(localdisk.RemoveUnfinished(s.folder), localdisk.RemoveUnfinished(s.aside)); err != nil {
		return nil, err
	}
	asked, err := exists(s.asked())
	if err != nil {
		return nil, err
	}
	var buffer []byte
	newest := s.files[len(s.files)-1]
	indexed, err := newest.Indexed()
	if err != nil {
		return nil, err
	}
	if !asked && indexed {
		if m, err := s.without(newest, &buffer); err != nil || m.Cut == 0 {
			return nil, err
		}
	}
	for _, file := range s.files {
		m, err := s.without(file, &buffer)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return mended, err
		}
		if m.Cut == 0 {
			continue
		}
		if !asked {
			if err := s.askToMend(); err != nil {
				return nil, err
			}
			asked = true
		}
		if err := s.replace(file, m); err != nil {
			return mended, err
		}
		mended = append(mended, file.Path)
	}
	if !asked {
		return nil, nil
	}
	// An index of another end is of no use to nats-server but for the last number, which it gives to nobody again.
	if indexed, err := newest.Indexed(); err != nil {
		return mended, err
	} else if indexed {
		if err := os.Remove(filepath.Join(s.folder, blocks.IndexFile)); err != nil {
			return mended, err
		}
	}
	return mended, errors.Join(localdisk.SyncFolder(s.folder), os.Remove(s.asked()))
}

// without is a file without what is damaged; with nothing cut where it is left as it is. That is one that is compressed, since what is
// in it is not known here, and that is no reason to leave another one damaged; one with nothing sound in it, which may be of another form, unless it is
// the newest and all of it one message; and one that ends in half a message, which nats-server cuts off, and nobody was told that it is there.
func (s standing) without(file blocks.File, buffer *[]byte) (blocks.Mended, error) {
	m, err := file.Mend(buffer)
	if err != nil && !errors.Is(err, blocks.ErrCompressed) {
		return m, fmt.Errorf("read what is sound in %s: %w", file.Path, err)
	}
	newest := file == s.files[len(s.files)-1]
	if newest && m.Torn || len(m.Content) == 0 && !(newest && m.Alone) {
		return blocks.Mended{}, nil
	}
	return m, nil
}

// replace keeps a damaged file, and writes the mended one in its place.
func (s standing) replace(file blocks.File, m blocks.Mended) error {
	was, err := os.ReadFile(file.Path)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(was) // one file for each damage, also where a start is repeated
	kept := fmt.Sprintf("%s-%x-%s", s.stream, digest[:8], filepath.Base(file.Path))
	if err := putAside(s.aside, map[string][]byte{kept: was}); err != nil {
		return err
	}
	return localdisk.ReplaceFile(file.Path, m.Content)
}

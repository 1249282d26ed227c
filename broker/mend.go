package broker

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
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
// has found damage. What fails is logged; the broker starts all the same.
func mendFiles(all []standing, logger *slog.Logger) {
	for i, stood := range all {
		logger := logger.With(slog.String("practice", stood.practice), slog.String("stream", stood.stream))
		mended, err := stood.mend()
		if len(mended) > 0 {
			logger.Error("messages on this broker's disk were damaged, and are cut out of their files: leave the broker running and let every desk connect, they give back what they have; "+
				"and have the disk looked at", slog.Any("files", mended), slog.String("kept", stood.aside))
			if files, err := blocks.List(stood.folder, stood.stream); err == nil {
				all[i].files = files // as they are now
			}
		}
		if err != nil {
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
func (s standing) mend() (mended []string, err error) {
	asked, err := exists(s.asked())
	if err != nil {
		return nil, err
	}
	var buffer []byte
	newest := len(s.files) - 1
	if !asked {
		m, err := mendedOf(s.files[newest], &buffer)
		if err != nil || m.Cut == 0 || m.Torn || len(m.Content) == 0 {
			return nil, err // half a message at the end is cut off by nats-server, and nobody was told that it is there
		}
		if err := s.askToMend(); err != nil {
			return nil, err
		}
	}
	for i, file := range s.files {
		m, err := mendedOf(file, &buffer)
		if err != nil {
			return mended, err
		}
		if m.Cut == 0 || len(m.Content) == 0 || m.Torn && i == newest {
			continue
		}
		if err := s.replace(file, m); err != nil {
			return mended, err
		}
		mended = append(mended, file.Path)
	}
	if err := os.Remove(filepath.Join(s.folder, "index.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mended, err
	}
	return mended, errors.Join(localdisk.SyncFolder(s.folder), os.Remove(s.asked()))
}

// mendedOf takes a file that is compressed for sound: what is in it is not known here, and no reason to leave another one damaged.
func mendedOf(file blocks.File, buffer *[]byte) (blocks.Mended, error) {
	m, err := file.Mend(buffer)
	if err != nil && !errors.Is(err, blocks.ErrCompressed) {
		return m, fmt.Errorf("read what is sound in %s: %w", file.Path, err)
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
	return localdisk.WriteFile(file.Path, m.Content)
}

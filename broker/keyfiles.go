package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/internal/blocks"
	"github.com/carelog/carelog/events"
)

// keyBucket is a practice's bucket of keys, as it stood on the disk when the broker was not
// running yet.
type keyBucket struct {
	practice string
	damaged  []string // files
	kept     keptKeys
	sound    map[string][]byte // keys by subject, where a file is damaged or an earlier start kept some
}

// keyBuckets examines the buckets of keys of all practices, before nats-server starts on them: one of
// 20,000 patients has 4 MB. Where a file is damaged, it writes what can still be read there to
// a file beside, and only then removes nats-server's index, so that this reads all itself, finds the damage
// too, and cuts off what stands behind it. Else it would come to that at any time later; and what it does
// not notice at all, a key whose content alone was changed, it would hold the place of for ever.
func (s *Server) keyBuckets(data string, logger *slog.Logger) (all []keyBucket) {
	practices, err := s.operator.Practices()
	if err != nil {
		logger.Error(notExamined, slog.Any("error", err))
	}
	for _, practice := range practices {
		b, err := s.keyBucket(data, practice, logger)
		if err != nil && !errors.Is(err, blocks.ErrCompressed) {
			logger.Error(notExamined, slog.String("practice", practice), slog.String("stream", streamKeys), slog.Any("error", err))
		}
		all = append(all, b)
	}
	return all
}

func (s *Server) keyBucket(data, practice string, logger *slog.Logger) (keyBucket, error) {
	b := keyBucket{practice: practice}
	account, err := s.operator.Account(practice)
	if err != nil {
		return b, err
	}
	stream := filepath.Join(data, "jetstream", account.Data, "streams", streamKeys)
	folder := filepath.Join(stream, "msgs")
	b.kept = keptKeys(filepath.Join(stream, keptName))
	if b.sound, err = b.kept.read(); err != nil {
		logger.Error(notExamined, slog.String("practice", practice), slog.String("stream", streamKeys), slog.Any("error", err))
		// It may be the only copy of keys: this start neither removes it nor writes over it.
		if err := os.Rename(string(b.kept), string(b.kept)+"-unread"); err != nil {
			b.kept = ""
			return b, err
		}
	}
	files, err := blocks.List(folder, streamKeys)
	if err != nil {
		return b, err
	}
	var buffer []byte
	for _, file := range files {
		v, err := file.Look(&buffer)
		if err != nil {
			return b, fmt.Errorf("examine %s: %w", file.Path, err)
		}
		if v.Damaged {
			b.damaged = append(b.damaged, file.Path)
		}
	}
	if len(b.damaged) == 0 {
		return b, nil
	}
	sound, err := soundKeys(files, &buffer)
	if err != nil {
		return b, err
	}
	if b.sound == nil {
		b.sound = sound
	}
	maps.Copy(b.sound, sound)
	if err := b.kept.write(b.sound); err != nil {
		return b, err
	}
	if err := os.Remove(filepath.Join(folder, blocks.IndexFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	return b, nil
}

// soundKeys reads the keys that are as they were written, but for those that were taken out. One
// that came again after it was taken out is there.
func soundKeys(files []blocks.File, buffer *[]byte) (map[string][]byte, error) {
	type place struct {
		sequence uint64
		wrapped  []byte
	}
	newest := make(map[string]place)
	removed := make(map[uint64]bool)
	for _, file := range files {
		err := file.Sound(buffer, func(m blocks.Message) {
			if m.Sequence >= newest[m.Subject].sequence {
				newest[m.Subject] = place{m.Sequence, bytes.Clone(m.Data)}
			}
		}, func(sequence uint64) { removed[sequence] = true })
		if err != nil {
			return nil, fmt.Errorf("read what is sound in %s: %w", file.Path, err)
		}
	}
	keys := make(map[string][]byte)
	for subject, at := range newest {
		if !removed[at.sequence] {
			keys[subject] = at.wrapped
		}
	}
	return keys, nil
}

// mendKeys puts back what nats-server has cut off of the buckets of keys although it could be
// read, and erases again what is back after its removal was cut off.
func (s *Server) mendKeys(ctx context.Context, buckets []keyBucket, logger *slog.Logger) {
	for _, b := range buckets {
		logger := logger.With(slog.String("practice", b.practice), slog.String("stream", streamKeys))
		back, err := s.mendBucket(ctx, b)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.Error("the keys of patients could not be mended: start the broker again", slog.Any("error", err))
		}
		if len(b.damaged) > 0 {
			logger.Error("keys of patients on this broker's disk are damaged, or were half written when it was killed. What could be read is there again: "+
				"leave the broker running and let every desk connect, they give back the others; and have the disk looked at",
				slog.Any("files", b.damaged), slog.Int("back", back))
		} else if back > 0 {
			logger.Warn("keys of patients that an earlier start of the broker kept, and could not put back, are there again", slog.Int("back", back))
		}
	}
}

// mendBucket returns how many keys were put back. The file in which they are kept goes when all are.
func (s *Server) mendBucket(ctx context.Context, b keyBucket) (back int, err error) {
	access, err := s.operator.Access(b.practice, s.URL())
	if err != nil {
		return 0, err
	}
	js, done, err := access.jetStream(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	stream, err := js.Stream(ctx, streamKeys)
	if errors.Is(err, jetstream.ErrStreamNotFound) && len(b.sound) == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	erased := erasedNames(stream.CachedInfo().Config.Metadata)
	if len(erased) == 0 && len(b.sound) == 0 {
		return 0, b.kept.remove()
	}
	there, err := stream.Info(ctx, jetstream.WithSubjectFilter(keySubject+">"))
	if err != nil {
		return 0, err
	}
	for _, name := range erased {
		delete(b.sound, keySubject+name)
		if there.State.Subjects[keySubject+name] == 0 {
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(keySubject+name)); err != nil {
			return 0, err
		}
	}
	maps.DeleteFunc(b.sound, func(subject string, _ []byte) bool { return there.State.Subjects[subject] > 0 })
	for part := range slices.Chunk(slices.Sorted(maps.Keys(b.sound)), events.MaxBatch) {
		if err := putBack(ctx, js, part, b.sound); err != nil {
			return back, err
		}
		back += len(part)
	}
	return back, b.kept.remove()
}

package snapshot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// Bounds: plain bytes of a part, how many parts a file is aimed to have, and how many
// good snapshots are kept: the one before the newest is still being fetched by somebody.
const (
	minPart  = 1 << 20
	maxPart  = 8 << 20
	aimParts = 32
	kept     = 2
)

// makingFile is the maker's copy, in Config.Dir.
const makingFile = "snapshot-making.db"

func partSize(total int64) int64 { return min(max(total/aimParts, minPart), maxPart) }

// Make makes a snapshot of the projection and removes older ones. Nobody else may make
// one at the same time. A maker that was killed begins anew: its copy would be older
// than one that is made now. Nothing half-made stays here after an error, nor on the
// server where that can be reached. The error of a full store wraps events.ErrFull.
func Make(ctx context.Context, c Config, store Objects) (m Manifest, err error) {
	path := filepath.Join(c.Dir, makingFile)
	if err := removeCopy(path); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, removeCopy(path)) }()
	if err := c.Copy(ctx, path); err != nil {
		return m, err
	}
	holds, err := projections.Inspect(ctx, path)
	if err != nil {
		return m, err
	}
	if holds.Practice != c.Practice || holds.Stream != c.Stream {
		return m, ErrForeign
	}
	count, err := projections.CountEvents(ctx, path)
	if err != nil {
		return m, err
	}
	id := strings.ToLower(rand.Text())
	if err := prune(ctx, c, store, id, kept); err != nil {
		return m, err
	}
	m = Manifest{ID: id, Practice: c.Practice, Device: c.Device, Stream: holds.Stream, Position: holds.Position,
		Before: holds.Before, Schema: holds.Schema, Events: count}
	s, err := newSeal(c, id)
	if err != nil {
		return m, err
	}
	if m.Parts, err = putParts(ctx, c, store, s, path); err == nil {
		err = putManifest(ctx, c, store, s, m)
	}
	if err != nil {
		return m, errors.Join(err, unmake(context.WithoutCancel(ctx), store, id, len(m.Parts)))
	}
	return m, prune(ctx, c, store, id, kept)
}

func putManifest(ctx context.Context, c Config, store Objects, s *seal, m Manifest) error {
	sealed, err := s.boxManifest(m, c.Sign)
	if err != nil {
		return err
	}
	return store.PutObject(ctx, manifestName(m.ID), sealed)
}

// unmake removes the parts of a snapshot that did not come to be. A manifest whose
// storing failed may stand there all the same: it goes first.
func unmake(ctx context.Context, store Objects, id string, parts int) error {
	err := store.DeleteObject(ctx, manifestName(id))
	for i := 0; i < parts && err == nil; i++ {
		err = store.DeleteObject(ctx, partName(id, i))
	}
	if errors.Is(err, events.ErrOffline) {
		return nil // the next maker does it
	}
	return err
}

// putParts reads, compresses, seals and stores the parts of the file, several at a time.
// It returns how many there were to be also with an error.
func putParts(ctx context.Context, c Config, store Objects, s *seal, path string) (parts []Part, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := partSize(info.Size())
	parts = make([]Part, (info.Size()+size-1)/size)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(workers()),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return parts, err
	}
	defer encoder.Close()
	makeRoom := sync.OnceValue(func() error { return prune(ctx, c, store, s.id, 1) })
	return parts, each(ctx, workers(), len(parts), func(ctx context.Context, next func() (int, bool)) error {
		plain := make([]byte, size)
		for i, ok := next(); ok; i, ok = next() {
			n, err := f.ReadAt(plain, int64(i)*size)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			out := encoder.EncodeAll(plain[:n], make([]byte, 1+nonceSize, overhead+n/2))
			out = s.box(out, s.partData(i, i == len(parts)-1))
			parts[i] = Part{Plain: int64(n), Sealed: int64(len(out)), Digest: sha256.Sum256(plain[:n])}
			if err := putPart(ctx, store, makeRoom, partName(s.id, i), out); err != nil {
				return err
			}
		}
		return nil
	})
}

// putPart stores a part. In a full store room is made once, by all but the last good
// snapshot.
func putPart(ctx context.Context, store Objects, makeRoom func() error, name string, data []byte) error {
	err := store.PutObject(ctx, name, data)
	if !errors.Is(err, events.ErrFull) {
		return err
	}
	if err := makeRoom(); err != nil {
		return err
	}
	return store.PutObject(ctx, name, data)
}

func workers() int { return min(runtime.GOMAXPROCS(0), 4) }

// each runs n workers over numbers below count and waits for all; the first error ends them.
func each(ctx context.Context, n, count int, work func(ctx context.Context, next func() (int, bool)) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var taken atomic.Int64
	next := func() (int, bool) {
		i := int(taken.Add(1)) - 1
		return i, i < count && ctx.Err() == nil
	}
	var all sync.WaitGroup
	for range min(n, count) {
		all.Go(func() {
			if err := work(ctx, next); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func removeCopy(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

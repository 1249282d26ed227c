package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/carelog/carelog/internal/localdisk"
)

// partSuffix marks a file that is not whole yet.
const partSuffix = ".part"

// Fetch fetches a snapshot and writes its file at path, on disk when it returns. What
// stands at path+".part" after an earlier try is used as far as it is right. progress,
// which may be nil, is told how many of the sealed bytes are here; it must not block. A
// *events.DamagedError means that this snapshot can never be fetched; ErrNoRoom that the
// disk is too small, and nothing is left on it; after others it may be tried again.
func Fetch(ctx context.Context, c Config, store Objects, m Manifest, path string, progress func(bytes, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	err := fetch(ctx, c, store, m, path, progress)
	if localdisk.Full(err) {
		err = errors.Join(fmt.Errorf("%w (%w)", ErrNoRoom, err), os.Remove(path+partSuffix))
	}
	if err != nil {
		return fmt.Errorf("fetch snapshot %s: %w", m.ID, err)
	}
	return nil
}

func fetch(ctx context.Context, c Config, store Objects, m Manifest, path string, progress func(bytes, total int64)) (err error) {
	if err := m.validate(); err != nil {
		return err
	}
	// A whole file that nobody took over: it is looked at like any other part of one.
	if err := os.Rename(path, path+partSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := newSeal(c, m.ID)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+partSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	g := &getter{seal: s, store: store, manifest: m, file: f, offsets: m.offsets(), total: m.Sealed(), progress: progress,
		rooms: make(chan []byte, 2*fetchers), written: make(chan struct{}, 1)}
	if err = g.run(ctx); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+partSuffix, path)
}

// offsets are the places of the parts in the file.
func (m Manifest) offsets() []int64 {
	list := make([]int64, len(m.Parts))
	for i := 1; i < len(list); i++ {
		list[i] = list[i-1] + m.Parts[i-1].Plain
	}
	return list
}

// getter is a fetch under way.
type getter struct {
	seal     *seal
	store    Objects
	manifest Manifest
	file     *os.File
	offsets  []int64
	total    int64
	progress func(bytes, total int64)
	rooms    chan []byte   // of parts that were opened, for the next ones
	written  chan struct{} // has one where something was written since the disk was last waited for

	mu   sync.Mutex
	done int64 // sealed bytes whose plain ones are in the file
}

// fetchers is how many parts are asked for at a time; as many wait to be opened.
const fetchers = 3

// job is a part on its way.
type job struct {
	number int
	sealed []byte
}

func (g *getter) run(ctx context.Context) error {
	missing, err := g.resume(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	decoder, err := newDecoder()
	if err != nil {
		return err
	}
	defer decoder.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan job, 1)
	var asking, opening, syncing sync.WaitGroup
	syncing.Go(func() {
		if err := g.sync(); err != nil {
			cancel(err)
		}
	})
	asking.Go(func() {
		defer close(jobs)
		if err := each(ctx, fetchers, len(missing), func(ctx context.Context, next func() (int, bool)) error {
			return g.ask(ctx, missing, next, jobs)
		}); err != nil {
			cancel(err)
		}
	})
	for range workers() {
		opening.Go(func() {
			plain := make([]byte, 0, g.manifest.largest())
			for j := range jobs {
				if err := g.put(j, decoder, plain); err != nil {
					cancel(err)
				}
				select {
				case g.rooms <- j.sealed:
				default:
				}
			}
		})
	}
	asking.Wait()
	opening.Wait()
	close(g.written)
	syncing.Wait()
	return context.Cause(ctx)
}

// sync waits for the disk beside the line and the processors, until no more is written:
// there is little to be waited for at the end.
func (g *getter) sync() error {
	for range g.written {
		if err := g.file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// ask fetches missing parts ahead of those who open them.
func (g *getter) ask(ctx context.Context, missing []int, next func() (int, bool), jobs chan<- job) error {
	for i, ok := next(); ok; i, ok = next() {
		number := missing[i]
		var room []byte
		select {
		case room = <-g.rooms:
		default:
		}
		sealed, err := g.store.Sealed(ctx, partName(g.manifest.ID, number), room)
		if err != nil {
			return err
		}
		jobs <- job{number, sealed} // also when it was cut off: what is here need not be fetched again
	}
	return nil
}

// put opens, unpacks and checks a part, and writes it in its place.
func (g *getter) put(j job, decoder *zstd.Decoder, buffer []byte) error {
	plain, err := g.seal.openPart(g.manifest, j.number, j.sealed, decoder, buffer)
	if err != nil {
		return err
	}
	if _, err := g.file.WriteAt(plain, g.offsets[j.number]); err != nil {
		return err
	}
	select {
	case g.written <- struct{}{}:
	default:
	}
	g.count(g.manifest.Parts[j.number].Sealed)
	return nil
}

func (g *getter) count(sealed int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done += sealed
	g.progress(g.done, g.total)
}

// resume finds the parts that are not in the file yet. What a power cut has left there
// is believed by its digest alone.
func (g *getter) resume(ctx context.Context) (missing []int, err error) {
	info, err := g.file.Stat()
	if err != nil {
		return nil, err
	}
	size := g.manifest.Plain()
	if info.Size() != size {
		if err := g.file.Truncate(size); err != nil {
			return nil, err
		}
	}
	right := make([]bool, len(g.offsets))
	err = each(ctx, workers(), len(g.offsets), func(_ context.Context, next func() (int, bool)) error {
		var buffer []byte
		for i, ok := next(); ok; i, ok = next() {
			if g.offsets[i] >= info.Size() {
				continue
			}
			part := g.manifest.Parts[i]
			buffer = slices.Grow(buffer[:0], int(g.manifest.largest()))
			got := buffer[:part.Plain]
			if _, err := g.file.ReadAt(got, g.offsets[i]); err != nil {
				return err
			}
			right[i] = sha256.Sum256(got) == part.Digest
		}
		return nil
	})
	for i, ok := range right {
		if ok {
			g.count(g.manifest.Parts[i].Sealed)
		} else {
			missing = append(missing, i)
		}
	}
	return missing, err
}

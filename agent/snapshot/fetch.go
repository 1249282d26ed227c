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

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// partSuffix marks a file that is not whole yet.
const partSuffix = ".part"

// Progress is how far a fetch is, in sealed bytes.
type Progress struct {
	Here  int64 // that are on this PC
	Came  int64 // of these, by this fetch: the others were here before it
	Total int64
}

// Fetch fetches a snapshot and writes its file at path, on disk when it returns. What
// stands at path+".part" and beside it after an earlier try is used as far as it is right. progress,
// which may be nil, is told how far it is, first of all when what was here is known; it must not block. A
// *events.DamagedError means that this snapshot can never be fetched; ErrNoRoom that the
// disk is too small, and nothing is left on it; after others it may be tried again.
func Fetch(ctx context.Context, c Config, store Objects, m Manifest, path string, progress func(Progress)) error {
	if progress == nil {
		progress = func(Progress) {}
	}
	err := fetch(ctx, c, store, m, path, progress)
	if localdisk.Full(err) {
		err = errors.Join(fmt.Errorf("%w (%w)", ErrNoRoom, err), os.Remove(path+partSuffix), dropAll(path, len(m.Parts)))
	}
	if err != nil {
		return fmt.Errorf("fetch snapshot %s: %w", m.ID, err)
	}
	return nil
}

func fetch(ctx context.Context, c Config, store Objects, m Manifest, path string, progress func(Progress)) (err error) {
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
	g := &getter{seal: s, store: store, manifest: m, path: path, file: f, offsets: m.offsets(), held: make([]int64, len(m.Parts)), progress: progress, far: Progress{Total: m.Sealed()},
		rooms: make(chan []byte, 2*fetchers), written: make(chan struct{}, 1)}
	if err = g.run(ctx); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+partSuffix, path)
}

// begunPath is where what came of a part is kept until it is whole.
func begunPath(path string, number int) string {
	return fmt.Sprintf("%s%s.%06d", path, partSuffix, number)
}

func dropAll(path string, parts int) (err error) {
	for i := range parts {
		err = errors.Join(err, drop(begunPath(path, i)))
	}
	return err
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
	path     string
	file     *os.File
	offsets  []int64
	held     []int64 // bytes that seem to be kept of a part, until it is looked at
	progress func(Progress)
	rooms    chan []byte   // of parts that were opened, for the next ones
	written  chan struct{} // has one where something was written since the disk was last waited for

	mu  sync.Mutex
	far Progress
}

// fetchers is how many parts are asked for at a time; as many wait to be opened.
const fetchers = 3

// job is a part on its way.
type job struct {
	number int
	sealed []byte
	joined bool // of what was kept here, and of what came after that
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
				if err := g.put(ctx, j, decoder, plain); err != nil {
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
		j, err := g.part(ctx, number, room)
		if err != nil {
			return err
		}
		jobs <- j // also when it was cut off: what is here need not be fetched again
	}
	return nil
}

// part fetches a part, from where an earlier try has left it.
func (g *getter) part(ctx context.Context, number int, room []byte) (job, error) {
	want := g.manifest.Parts[number].Sealed
	k, sealed, read, err := openBegun(begunPath(g.path, number), slices.Grow(room[:0], int(want)), want)
	if err != nil {
		return job{}, err
	}
	g.count(read.Bytes-g.held[number], 0)
	g.held[number] = 0
	sealed, err = g.pieces(ctx, number, k, sealed, read)
	if err := errors.Join(err, k.close()); err == nil {
		return job{number: number, sealed: sealed, joined: read.Bytes > 0}, nil
	} else if read.Bytes == 0 || !errors.Is(err, events.ErrNoMessage) && !errors.As(err, new(*events.DamagedError)) {
		return job{}, err
	}
	return g.anew(ctx, number, sealed)
}

// pieces appends to what is here of a part what comes after it.
func (g *getter) pieces(ctx context.Context, number int, k *begun, sealed []byte, read events.ObjectPlace) ([]byte, error) {
	name, want := partName(g.manifest.ID, number), g.manifest.Parts[number].Sealed
	for piece, err := range g.store.Sealed(ctx, name, read) {
		if err != nil {
			return sealed, err
		}
		if piece.Read.Bytes > want || piece.Read.Bytes != int64(len(sealed)+len(piece.Data)) {
			return sealed, &events.DamagedError{Name: name, Reason: "it is longer than its manifest says"}
		}
		sealed = append(sealed, piece.Data...)
		g.count(int64(len(piece.Data)), int64(len(piece.Data)))
		if err := k.add(sealed, piece.Read); err != nil {
			return sealed, err
		}
	}
	return sealed, nil
}

// anew fetches a part once more from its beginning: what was kept of it here and what came
// after that are not one.
func (g *getter) anew(ctx context.Context, number int, sealed []byte) (job, error) {
	g.count(-int64(len(sealed)), 0)
	if err := drop(begunPath(g.path, number)); err != nil {
		return job{}, err
	}
	return g.part(ctx, number, sealed)
}

// put opens, unpacks and checks a part, and writes it in its place.
func (g *getter) put(ctx context.Context, j job, decoder *zstd.Decoder, buffer []byte) error {
	plain, err := g.seal.openPart(g.manifest, j.number, j.sealed, decoder, buffer)
	if err != nil && j.joined {
		if j, err = g.anew(ctx, j.number, j.sealed); err == nil {
			plain, err = g.seal.openPart(g.manifest, j.number, j.sealed, decoder, buffer)
		}
	}
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
	return drop(begunPath(g.path, j.number))
}

// count notes bytes that are here, and how many of them came just now.
func (g *getter) count(here, came int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.far.Here += here
	g.far.Came += came
	g.progress(g.far)
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
	if err != nil {
		return nil, err
	}
	var here int64
	for i, ok := range right {
		begun := begunPath(g.path, i)
		if ok {
			here += g.manifest.Parts[i].Sealed
			err = errors.Join(err, drop(begun))
			continue
		}
		missing = append(missing, i)
		if info, err := os.Stat(begun); err == nil {
			g.held[i] = min(info.Size(), g.manifest.Parts[i].Sealed)
			here += g.held[i]
		}
	}
	g.count(here, 0)
	return missing, err
}

package snapshot_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// shelf is an object store in memory. room bounds it, in bytes; 0: nothing does.
type shelf struct {
	mu      sync.Mutex
	content map[string][]byte
	stored  map[string]time.Time
	clock   int
	room    int
	before  func(what, name string) error              // may fail a call, or do something first
	line    func(ctx context.Context, bytes int) error // waits as long as that takes, where it is not nil
}

func newShelf() *shelf {
	return &shelf{content: make(map[string][]byte), stored: make(map[string]time.Time)}
}

func (s *shelf) call(what, name string) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(what, name)
}

func (s *shelf) PutObject(_ context.Context, name string, data []byte) error {
	err := s.call("put", name)
	var happened *failedButHappened
	if err != nil && !errors.As(err, &happened) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	used := len(data)
	for other, text := range s.content {
		if other != name {
			used += len(text)
		}
	}
	if s.room > 0 && used > s.room {
		return fmt.Errorf("put %s: %w", name, events.ErrFull)
	}
	s.clock++
	s.content[name], s.stored[name] = bytes.Clone(data), time.Unix(int64(s.clock), 0)
	return err
}

func (s *shelf) Object(_ context.Context, name string) ([]byte, error) {
	if err := s.call("get", name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.content[name]; ok {
		return bytes.Clone(data), nil
	}
	return nil, events.ErrNoMessage
}

// pieceSize is how large the pieces are in which a shelf gives out what is sealed, in bytes.
const pieceSize = 128 << 10

func (s *shelf) Sealed(ctx context.Context, name string, after events.ObjectPlace) iter.Seq2[events.ObjectPiece, error] {
	return func(yield func(events.ObjectPiece, error) bool) {
		data, err := s.Object(ctx, name)
		if err != nil {
			yield(events.ObjectPiece{}, err)
			return
		}
		data = data[min(after.Bytes, int64(len(data))):]
		for piece := range slices.Chunk(data, pieceSize) {
			after = events.ObjectPlace{Bytes: after.Bytes + int64(len(piece)), Sequence: after.Sequence + 1}
			if s.line != nil {
				if err := s.line(ctx, len(piece)); err != nil {
					yield(events.ObjectPiece{}, err)
					return
				}
			}
			if !yield(events.ObjectPiece{Data: piece, Read: after}, nil) {
				return
			}
		}
	}
}

func (s *shelf) ObjectNames(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.content)), nil
}

func (s *shelf) ObjectInfo(_ context.Context, name string) (events.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, there := s.content[name]
	if !there {
		return events.Object{}, events.ErrNoMessage
	}
	return events.Object{Name: name, Size: int64(len(data)), Stored: s.stored[name]}, nil
}

func (s *shelf) DeleteObject(_ context.Context, name string) error {
	if err := s.call("delete", name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.content, name)
	return nil
}

// failedButHappened is the fault whose twin is that nothing happened.
type failedButHappened struct{}

func (*failedButHappened) Error() string { return "the answer was lost" }

// office is a maker: a projection file of the practice and the keys of a device.
type office struct {
	snapshot.Config
	file    []byte
	public  ed25519.PublicKey
	revoked bool
}

// newOffice has a projection of n events, of some MB: their bodies do not shrink.
func newOffice(t testing.TB, n int) *office { return officeOf(t, n, 8<<10) }

// benchOffice has a projection of the size that a practice's has.
func benchOffice(b *testing.B) *office { return officeOf(b, benchEvents, 500) }

func officeOf(t testing.TB, n, body int) *office {
	t.Helper()
	const seed = 11
	chance := rand.New(rand.NewPCG(seed, seed))
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := projections.Open(ctx, path, projections.Options{Practice: "p1", Opener: func(e *events.Event) ([]byte, error) { return e.Sealed, nil }})
	if err != nil {
		t.Fatal(err)
	}
	var b projections.Batch
	b.Stream = "stream-1"
	for i := range n {
		sealed := make([]byte, body)
		for j := range sealed {
			sealed[j] = byte(chance.Uint32())
		}
		e := &events.Event{Type: events.Written, Practice: "p1", Device: "one", Record: events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}, Patient: "pat",
			Time: time.Unix(int64(i), 0), Chain: events.Chain{Counter: uint64(i + 1)}, ContentType: events.ContentFHIR, Sealed: sealed}
		e.ID[0], e.ID[13], e.ID[14], e.ID[15] = 1, byte(i>>16), byte(i>>8), byte(i)
		b.Position = b.Position.Next(uint64(i+1), e.Fingerprint())
		b.Entries = append(b.Entries, projections.Entry{Sequence: uint64(i + 1), Hash: b.Position.Hash, Event: e, Body: sealed})
	}
	if _, err := s.Apply(ctx, b); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "copy.db")
	if err := errors.Join(s.Copy(ctx, made), s.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{file: file, public: public}
	o.Config = snapshot.Config{
		Practice: "p1", Stream: "stream-1", Device: "one", Key: bytes.Repeat([]byte{7}, 32), Sign: private, Dir: t.TempDir(),
		Copy: func(_ context.Context, path string) error { return os.WriteFile(path, o.file, 0o600) },
		Trusted: func(device string) (ed25519.PublicKey, error) {
			if device != "one" || o.revoked {
				return nil, errors.New("it is not to be trusted")
			}
			return o.public, nil
		},
	}
	return o
}

func (o *office) mustMake(t *testing.T, s *shelf) snapshot.Manifest {
	t.Helper()
	m, err := snapshot.Make(context.Background(), o.Config, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newest lists, and fails the test on an error.
func (o *office) newest(t *testing.T, s *shelf) ([]snapshot.Manifest, []snapshot.Rejected) {
	t.Helper()
	good, rejected, err := snapshot.Newest(context.Background(), o.Config, s)
	if err != nil {
		t.Fatal(err)
	}
	return good, rejected
}

// part names one part of the snapshots that are there.
func (s *shelf) part(number string) string {
	for name := range s.content {
		if strings.HasSuffix(name, "."+number) {
			return name
		}
	}
	return ""
}

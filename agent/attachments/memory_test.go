package attachments_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
)

// folder is a server whose pieces are files, so that it has none of them in memory.
type folder string

func (f folder) path(name string, number int) string {
	return filepath.Join(string(f), fmt.Sprintf("%s.%d", name, number))
}

func (f folder) AttachmentState(context.Context) (events.LogState, error) {
	return events.LogState{Identity: string(f)}, nil
}

func (f folder) Pieces(context.Context, string) (map[int]bool, error) { return nil, nil }

func (f folder) PutPiece(_ context.Context, name string, number int, data []byte, _ uint64) error {
	return os.WriteFile(f.path(name, number), data, 0o600)
}

func (f folder) Piece(_ context.Context, name string, number int, _ uint64) (events.Stored, error) {
	data, err := os.ReadFile(f.path(name, number))
	return events.Stored{Message: events.Message{Data: data}}, err
}

// peak is by how many bytes what is in use of the heap grows at most while f runs.
func peak(f func()) int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				var m runtime.MemStats
				runtime.GC() // else it is also garbage that a busy machine has not looked for yet
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			case <-ended:
				return
			}
		}
	})
	f()
	close(ended)
	watcher.Wait()
	return int64(most - before)
}

// The largest content goes all the way with a few pieces in memory at a time.
func TestALargeContentTakesBoundedMemory(t *testing.T) {
	largetest.Unwatched(t)
	const bound = 12 << 20
	p := newPractice(t)
	server := folder(t.TempDir())
	stream := func() io.Reader {
		return io.LimitReader(rand.NewChaCha8([32]byte{1}), events.MaxAttachment)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, stream()); err != nil {
		t.Fatal(err)
	}
	digest := events.Digest(hash.Sum(nil))
	one, two := p.desk("one"), p.desk("two")
	two.config.Server = func() attachments.Server { return server }
	two.open()
	var seal *events.PieceSeal
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"put", func() error {
			spool, err := one.NewSpool()
			if err != nil {
				return err
			}
			defer spool.Close()
			if _, err := io.Copy(spool, stream()); err != nil {
				return err
			}
			if seal, err = p.ring.Attach(patient, spool.Size(), spool.Digest()); err != nil {
				return err
			}
			held, err := one.Put(seal, spool)
			if err == nil {
				held.Keep()
			}
			return err
		}},
		{"sent", func() error {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); one.Send(ctx, server) }()
			for one.Owed() > 0 {
				<-one.changed
			}
			cancel()
			<-done
			return nil
		}},
		{"fetched and read", func() error {
			content, err := two.Open(t.Context(), seal)
			if err != nil {
				return err
			}
			defer content.Close()
			hash := sha256.New()
			if _, err := io.Copy(hash, content); err != nil {
				return err
			}
			if events.Digest(hash.Sum(nil)) != digest {
				t.Error("another content is read")
			}
			return nil
		}},
	} {
		var err error
		grown := peak(func() { err = step.do() })
		if err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		t.Logf("%s: %.1f MiB of heap at most", step.what, float64(grown)/(1<<20))
		if grown > bound {
			t.Errorf("while %d MiB are %s the heap grows by %d bytes, want at most %d", events.MaxAttachment>>20, step.what, grown, bound)
		}
	}
}

package attachments

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carelog/carelog/events"
)

// atOnce is how many pieces are under way at a time, each way: more would keep what is
// more urgent waiting on a slow line.
const atOnce = 2

// fetch is a content on its way here.
type fetch struct {
	cancel context.CancelFunc
	done   chan struct{} // closed at the end
	err    error         // once done: why it did not come
	taken  []bool        // pieces that are asked for; guarded by entry.mu
}

// await lets the content be fetched until a piece is here, or all is where it is the last.
func (e *entry) await(ctx context.Context, number int) error {
	e.mu.Lock()
	if e.fetch == nil {
		server := e.store.server()
		if server == nil && slices.Contains(e.have, false) {
			e.mu.Unlock()
			return ErrAway
		}
		e.fetch = e.begin(server)
	}
	e.want = number
	f, changed := e.fetch, e.changed
	e.mu.Unlock()
	select {
	case <-changed:
		return nil
	case <-f.done:
		e.mu.Lock()
		if e.fetch == f {
			e.fetch = nil
		}
		e.mu.Unlock()
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Store) server() Server {
	if s.config.Server == nil {
		return nil
	}
	return s.config.Server()
}

// begin fetches beside its caller, until stop. mu is held.
func (e *entry) begin(server Server) *fetch {
	ctx, cancel := context.WithCancel(context.Background())
	f := &fetch{cancel: cancel, done: make(chan struct{}), taken: make([]bool, len(e.have))}
	go func() {
		defer close(f.done)
		defer cancel()
		f.err = e.run(ctx, server, f)
		if errors.Is(f.err, events.ErrOffline) {
			f.err = fmt.Errorf("%w (%w)", ErrAway, f.err)
		}
	}()
	return f
}

// stop ends a fetch and waits for it.
func (e *entry) stop() {
	e.mu.Lock()
	f := e.fetch
	e.mu.Unlock()
	if f != nil {
		f.cancel()
		<-f.done
	}
}

func (e *entry) run(ctx context.Context, server Server, f *fetch) error {
	a := e.seal.Attachment()
	if err := e.store.tidy(a.SealedSize(), a.Name); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			plain := make([]byte, 0, events.PieceSize)
			for number, ok := e.next(f); ok && ctx.Err() == nil; number, ok = e.next(f) {
				if err := e.insist(ctx, server, number, plain); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return e.verify()
}

// next is the first missing piece from the one on that a reader waits for.
func (e *entry) next(f *fetch) (number int, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.have {
		number = (e.want + i) % len(e.have)
		if !e.have[number] && !f.taken[number] {
			f.taken[number] = true
			return number, true
		}
	}
	return 0, false
}

// againAfter is how long a fetch waits before it asks for a piece again.
const againAfter = 100 * time.Millisecond

// insist fetches a piece, over the next connection where one is lost: who reads would
// else be cut off for every hitch of the line.
func (e *entry) insist(ctx context.Context, server Server, number int, plain []byte) error {
	began := time.Now()
	for {
		err := error(ErrAway)
		if server != nil {
			err = e.get(ctx, server, number, plain)
		}
		if !errors.Is(err, events.ErrOffline) && !errors.Is(err, ErrAway) || time.Since(began) >= e.store.config.Patience {
			return err
		}
		timer := time.NewTimer(againAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		server = e.store.server()
	}
}

// get fetches a piece. The first that opens is the right one; what stands there beside
// it is damaged, or not ours.
func (e *entry) get(ctx context.Context, server Server, number int, plain []byte) error {
	name := e.seal.Attachment().Name
	missing := ErrUnsent
	for from := uint64(0); ; {
		stored, err := server.Piece(ctx, name, number, from)
		if errors.Is(err, events.ErrNoMessage) {
			return fmt.Errorf("fetch piece %d of attachment %s: %w", number, name, missing)
		}
		if err != nil {
			return err
		}
		if _, err = e.seal.Open(plain[:0], number, stored.Data); err == nil {
			return e.put(number, stored.Data)
		}
		missing = fmt.Errorf("%w: at the server; where somebody still has it, send it again with another version of the record", err)
		from = stored.Sequence + 1
	}
}

// verify compares the digest of all pieces, and makes the file whole.
func (e *entry) verify() error {
	e.mu.Lock()
	whole := e.whole
	e.mu.Unlock()
	if whole {
		return nil
	}
	hash := sha256.New()
	buffer := make([]byte, stride)
	for i := range e.have {
		piece, err := e.read(i, buffer)
		if err != nil {
			return err
		}
		_, _ = hash.Write(piece) // never fails
	}
	a := e.seal.Attachment()
	if events.Digest(hash.Sum(nil)) != a.Digest {
		e.forget()
		return &events.DamagedError{Name: a.Name, Reason: "its digest is another one"}
	}
	return e.complete()
}

// forget drops what is in the file.
func (e *entry) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.have)
	e.whole = false
	if err := errors.Join(e.setState(statePart), e.file.Truncate(head), e.file.Truncate(head+e.seal.Attachment().SealedSize())); err != nil {
		e.store.log.Warn("an attachment that is damaged is not removed", "err", err)
	}
}

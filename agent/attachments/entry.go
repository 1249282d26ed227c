package attachments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/carelog/carelog/events"
)

// A file of a content is one byte that says whether it is whole, and the sealed pieces,
// each in its place. The byte is written when all else is on the disk, so that after a
// power cut it is never said of too much; what is not whole is believed piece by piece.
const (
	head       = 1
	statePart  = 'p'
	stateWhole = 'w'
	stride     = events.PieceSize + events.PieceOverhead
)

// isWhole reports what the file of a content says of itself.
func isWhole(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var state [head]byte
	if _, err := f.ReadAt(state[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return state[0] == stateWhole, nil
}

// entry is the file of a content while somebody uses it.
type entry struct {
	store *Store
	seal  *events.PieceSeal
	file  *os.File
	users int // guarded by store.mu

	mu      sync.Mutex
	have    []bool // pieces that are in the file, as far as is known
	whole   bool   // all are, and their digest is right
	want    int    // the piece that a reader waits for
	fetch   *fetch // under way; nil: none
	changed chan struct{}
}

// acquire opens the file of a content, or takes part in its use; release ends that. New
// says that there was no file.
func (s *Store) acquire(seal *events.PieceSeal) (e *entry, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := seal.Attachment().Name
	if e, ok := s.entries[name]; ok {
		e.users++
		return e, false, nil
	}
	e = &entry{store: s, seal: seal, users: 1, have: make([]bool, seal.Attachment().Pieces()), changed: make(chan struct{})}
	if fresh, err = e.open(); err != nil {
		return nil, false, fmt.Errorf("open attachment %s: %w", name, noRoom(err))
	}
	s.entries[name] = e
	return e, fresh, nil
}

func (e *entry) path() string { return e.store.path(e.seal.Attachment().Name) }

func (e *entry) open() (fresh bool, err error) {
	if e.file, err = os.OpenFile(e.path(), os.O_RDWR, 0o600); errors.Is(err, os.ErrNotExist) {
		e.file, err = os.OpenFile(e.path(), os.O_RDWR|os.O_CREATE, 0o600)
		fresh = true
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(touch(e.path()), e.scan()); err != nil {
		return false, errors.Join(err, e.file.Close())
	}
	return fresh, nil
}

// scan finds out what is in the file. A whole one is believed to have all: each piece
// shows whether it does when it is opened.
func (e *entry) scan() error {
	size := head + e.seal.Attachment().SealedSize()
	info, err := e.file.Stat()
	if err != nil {
		return err
	}
	var state [head]byte
	if _, err := e.file.ReadAt(state[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if e.whole = state[0] == stateWhole && info.Size() == size; e.whole {
		for i := range e.have {
			e.have[i] = true
		}
		return nil
	}
	if err := e.setState(statePart); err != nil {
		return err
	}
	if err := e.file.Truncate(size); err != nil {
		return err
	}
	buffer := make([]byte, stride)
	for i := range e.have {
		if int64(head+i*stride) >= info.Size() {
			break
		}
		_, err := e.read(i, buffer)
		e.have[i] = err == nil
	}
	return nil
}

func (e *entry) setState(state byte) error {
	_, err := e.file.WriteAt([]byte{state}, 0)
	return err
}

// read opens a piece of the file in a buffer of stride bytes, and returns what of it is
// the plain piece.
func (e *entry) read(number int, buffer []byte) ([]byte, error) {
	sealed := buffer[:e.seal.Attachment().PieceLen(number)+events.PieceOverhead]
	if _, err := e.file.ReadAt(sealed, head+int64(number)*stride); err != nil {
		return nil, err
	}
	return e.seal.Open(sealed[1:1], number, sealed) // in place
}

// put puts a sealed piece in its place.
func (e *entry) put(number int, sealed []byte) error {
	if _, err := e.file.WriteAt(sealed, head+int64(number)*stride); err != nil {
		return noRoom(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.have[number] = true
	e.notify()
	return nil
}

// complete makes the file whole: every piece of it is on the disk, and right.
func (e *entry) complete() error {
	if err := e.file.Sync(); err != nil {
		return noRoom(err)
	}
	if err := e.setState(stateWhole); err != nil {
		return noRoom(err)
	}
	if err := e.file.Sync(); err != nil {
		return noRoom(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.whole = true
	e.notify()
	return nil
}

// lost notes that a piece is not in the file, whatever was thought.
func (e *entry) lost(number int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.have[number], e.whole = false, false
	return e.setState(statePart)
}

// notify wakes who waits; mu is held.
func (e *entry) notify() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// piece returns the plain bytes of a piece in a buffer of stride bytes. It is fetched
// where it is not here. The last one is only given when the digest of all is right.
func (e *entry) piece(ctx context.Context, number int, buffer []byte) ([]byte, error) {
	for tries := 0; ; {
		e.mu.Lock()
		here := e.have[number] && (e.whole || number < len(e.have)-1)
		e.mu.Unlock()
		if here {
			plain, err := e.read(number, buffer)
			var damaged *events.DamagedError
			if err == nil || !errors.As(err, &damaged) && !errors.Is(err, io.EOF) || tries > 0 {
				return plain, err
			}
			tries++
			e.store.log.Warn("a piece of an attachment is damaged on this PC's disk and is fetched again", "err", err)
			if err := e.lost(number); err != nil {
				return nil, err
			}
			continue
		}
		if err := e.await(ctx, number); err != nil {
			return nil, err
		}
	}
}

// release ends the use by one, and a fetch that nobody waits for.
func (s *Store) release(e *entry) error {
	s.mu.Lock()
	e.users--
	if e.users > 0 {
		s.mu.Unlock()
		return nil
	}
	delete(s.entries, e.seal.Attachment().Name)
	s.mu.Unlock()
	e.stop()
	return e.file.Close()
}

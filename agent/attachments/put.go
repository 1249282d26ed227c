package attachments

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/carelog/carelog/events"
)

// hold counts who has put a content and does not know yet whether it is needed.
type hold struct {
	users int
	fresh bool // the content was not here, and goes where nobody needs it
	keep  bool // somebody does
}

// Held is a content that is on the disk for whoever put it: they say Keep or Drop.
type Held struct {
	store *Store
	name  string
}

// Put seals a content and puts it on this PC's disk. The seal must be that of the
// spool's size and digest. Errors: ErrNoRoom, after which nothing new is left.
func (s *Store) Put(seal *events.PieceSeal, spool *Spool) (*Held, error) {
	a := seal.Attachment()
	if err := s.tidy(a.SealedSize(), a.Name); err != nil {
		return nil, err
	}
	e, fresh, err := s.acquire(seal)
	if err != nil {
		return nil, err
	}
	held := s.hold(a.Name, fresh)
	err = e.fill(spool)
	if err == nil {
		err = s.owe(a.Name)
	}
	err = errors.Join(err, s.release(e))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep attachment %s: %w", a.Name, noRoom(err)), held.Drop())
	}
	return held, nil
}

func (s *Store) hold(name string, fresh bool) *Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[name]
	if h == nil {
		h = &hold{fresh: fresh}
		s.held[name] = h
	}
	h.users++
	return &Held{s, name}
}

// fill seals every piece into the file. A piece that is there already is compared.
func (e *entry) fill(spool *Spool) error {
	a := e.seal.Attachment()
	in, hash := spool.reader(), sha256.New()
	plain := make([]byte, events.PieceSize)
	there, sealed := make([]byte, stride), make([]byte, 0, stride)
	for i := range a.Pieces() {
		plain = plain[:a.PieceLen(i)]
		if _, err := io.ReadFull(in, plain); err != nil {
			return fmt.Errorf("read what was taken in: %w", err)
		}
		_, _ = hash.Write(plain) // never fails
		var err error
		if sealed, err = e.seal.Seal(sealed[:0], i, plain); err != nil {
			return err
		}
		there = there[:len(sealed)]
		if _, err := e.file.ReadAt(there, head+int64(i)*stride); err == nil && bytes.Equal(there, sealed) {
			continue
		}
		if err := e.put(i, sealed); err != nil {
			return err
		}
	}
	if events.Digest(hash.Sum(nil)) != a.Digest {
		e.forget()
		return errors.New("what was taken in has changed on this PC's disk: have it checked, and try again")
	}
	return e.complete()
}

// Keep says that a record refers to the content: it is sent.
func (h *Held) Keep() { _ = h.end(true) } // nothing is removed, so nothing fails

// Drop says that the caller does not need it. It goes where nobody else does.
func (h *Held) Drop() error { return h.end(false) }

func (h *Held) end(keep bool) error {
	s := h.store
	s.mu.Lock()
	of := s.held[h.name]
	of.users--
	of.keep = of.keep || keep
	var err error
	if of.users == 0 {
		delete(s.held, h.name)
		if of.fresh && !of.keep && !s.owed[h.name] && s.entries[h.name] == nil {
			err = errors.Join(absent(os.Remove(s.path(owedFolder, h.name))), absent(os.Remove(s.path(h.name))))
		} else if !of.keep {
			keep = true // it was here before: whether the server has it is looked at
		}
	}
	s.mu.Unlock()
	if keep {
		s.due(h.name)
	} else {
		s.tell()
	}
	return err
}

func absent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

package audit

import (
	"hash/maphash"

	"github.com/carelog/carelog/events"
)

// seen knows every event of the log so far: its id, which record and dossier it is
// of, and a check value that tells a repeat from another event with the same id.
//
// It is a hash table without pointers, 32 bytes an entry, filled to between 7/16 and
// 7/8: a million events cost 37 to 73 MB. It grows in 256 parts of its own, so
// that growing never holds two whole tables. Hashes are keyed by chance: ids chosen to
// collide do not.
type seen struct {
	seed  maphash.Seed
	parts [256]seenPart
	count int
}

type seenPart struct {
	entries []seenEntry // a power of two of them, or none
	used    int
}

type seenEntry struct {
	id    events.ID // zero: free; no event has the zero id
	about uint64    // keyed hash of record and dossier
	check uint64    // keyed hash of the fingerprint
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed()} }

// about stands for the record and the dossier of an event.
func (s *seen) about(e *events.Event) uint64 {
	return maphash.String(s.seed, e.Record.Type+"/"+e.Record.ID+"\n"+e.Patient)
}

// check stands for a digest.
func (s *seen) check(d events.Digest) uint64 { return maphash.Bytes(s.seed, d[:]) }

// find returns the entry of an id, nil where it was not added. It is good until the
// next add.
func (s *seen) find(id events.ID) *seenEntry {
	part, h := s.part(id)
	if len(part.entries) == 0 {
		return nil
	}
	if e := part.slot(id, h); !e.id.IsZero() {
		return e
	}
	return nil
}

// add keeps an id that find does not know.
func (s *seen) add(e seenEntry) {
	part, h := s.part(e.id)
	if part.used*8 >= len(part.entries)*7 {
		s.grow(part)
	}
	*part.slot(e.id, h) = e
	part.used++
	s.count++
}

func (s *seen) grow(part *seenPart) {
	old := part.entries
	part.entries = make([]seenEntry, max(8, 2*len(old)))
	for _, e := range old {
		if !e.id.IsZero() {
			_, h := s.part(e.id)
			*part.slot(e.id, h) = e
		}
	}
}

func (s *seen) part(id events.ID) (*seenPart, uint64) {
	h := maphash.Bytes(s.seed, id[:])
	return &s.parts[h>>56], h
}

// slot is where id stands or would stand. One slot at least is always free.
func (p *seenPart) slot(id events.ID, h uint64) *seenEntry {
	mask := uint64(len(p.entries) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if e := &p.entries[i]; e.id == id || e.id.IsZero() {
			return e
		}
	}
}

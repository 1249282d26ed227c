package projections

import (
	"hash/maphash"

	"github.com/carelog/carelog/events"
)

// strangers tells of records, dossiers and events that they were surely never here, so that a
// log which is read for the first time need not ask the file for each. It is a Bloom
// filter: of what was here it never says so, of what was not it may fail to.
type strangers struct {
	seed maphash.Seed
	bits [strangerBits / chunkBits]*[chunkBits / 64]uint64 // nil: nobody was met there
	// What the store had given when this was last true: the last number of the feed, and
	// the last key of a dossier, since a message that is no event has no such number.
	arrival, lastDossier int64
}

const (
	strangerBits   = 1 << 26 // 8 MB; with 5 million names, 1 in 118 strangers is asked for
	strangerProbes = 3
	lineBits       = 1 << 9  // which the processor reads together: all probes of a name are there
	chunkBits      = 1 << 15 // made when somebody is met there: most stores stay small
)

func newStrangers() *strangers { return &strangers{seed: maphash.MakeSeed()} }

// is reports whether nobody of that name was ever met. A nil filter knows nothing.
func (s *strangers) is(name events.Record) bool {
	return s != nil && s.lacks(maphash.Comparable(s.seed, name))
}

// isEvent is the same of an event.
func (s *strangers) isEvent(id events.ID) bool {
	return s != nil && s.lacks(maphash.Bytes(s.seed, id[:]))
}

func (s *strangers) lacks(sum uint64) bool {
	for at := range probes(sum) {
		if chunk := s.bits[at/chunkBits]; chunk == nil || chunk[at%chunkBits/64]&(1<<(at%64)) == 0 {
			return true
		}
	}
	return false
}

func (s *strangers) meet(name events.Record) {
	if s != nil {
		s.note(maphash.Comparable(s.seed, name))
	}
}

func (s *strangers) meetEvent(id events.ID) {
	if s != nil {
		s.note(maphash.Bytes(s.seed, id[:]))
	}
}

func (s *strangers) note(sum uint64) {
	for at := range probes(sum) {
		chunk := &s.bits[at/chunkBits]
		if *chunk == nil {
			*chunk = new([chunkBits / 64]uint64)
		}
		(*chunk)[at%chunkBits/64] |= 1 << (at % 64)
	}
}

func probes(sum uint64) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		line := sum % (strangerBits / lineBits) * lineBits
		sum >>= 32
		for range strangerProbes {
			if !yield(line + sum%lineBits) {
				return
			}
			sum /= lineBits
		}
	}
}

// acquaint gives a batch what is known of who is a stranger: something where the store
// was empty when this process began to fill it, and nobody else has changed it since.
func (s *Store) acquaint(b *batch) {
	switch {
	case b.lastRecord == 0 && b.lastDossier == 0 && s.strangers == nil:
		s.strangers = newStrangers()
	case s.strangers != nil && (s.strangers.arrival != b.arrival || s.strangers.lastDossier != b.lastDossier):
		s.strangers = nil
	}
	b.strangers = s.strangers
}

// acquainted notes where the store stands after a commit.
func (b *batch) acquainted() {
	if b.strangers != nil {
		b.strangers.arrival, b.strangers.lastDossier = b.arrival, b.lastDossier
	}
}

// dossierName is a dossier as strangers know it: no record is without a type.
func dossierName(patient string) events.Record { return events.Record{ID: patient} }

package projections

import (
	"hash/maphash"

	"github.com/carelog/carelog/events"
)

// strangers tells of records and dossiers that they were surely never here, so that a
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
	strangerBits   = 1 << 26 // 8 MB; with 5 million names, 1 in 70 strangers is asked for
	strangerProbes = 3
	chunkBits      = 1 << 15 // made when somebody is met there: most stores stay small
)

func newStrangers() *strangers { return &strangers{seed: maphash.MakeSeed()} }

// is reports whether nobody of that name was ever met. A nil filter knows nothing.
func (s *strangers) is(name events.Record) bool {
	if s == nil {
		return false
	}
	for at := range s.probes(name) {
		if chunk := s.bits[at/chunkBits]; chunk == nil || chunk[at%chunkBits/64]&(1<<(at%64)) == 0 {
			return true
		}
	}
	return false
}

func (s *strangers) meet(name events.Record) {
	if s == nil {
		return
	}
	for at := range s.probes(name) {
		chunk := &s.bits[at/chunkBits]
		if *chunk == nil {
			*chunk = new([chunkBits / 64]uint64)
		}
		(*chunk)[at%chunkBits/64] |= 1 << (at % 64)
	}
}

func (s *strangers) probes(name events.Record) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		sum := maphash.Comparable(s.seed, name)
		step := sum>>32 | 1
		for range strangerProbes {
			if !yield(sum % strangerBits) {
				return
			}
			sum += step
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

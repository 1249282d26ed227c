package projections

import (
	"hash/maphash"

	"github.com/carelog/carelog/events"
)

// strangers tells of records, dossiers and events that they were surely never here, so that a
// log which is read for the first time need not ask the file for each. It is a Bloom
// filter: of what was here it never says so, of what was not it may fail to.
type strangers struct {
	seed  maphash.Seed
	names int // that were met, some more than once
	near  [nearLines]line
	far   [farLines / chunkLines]*[chunkLines]line // nil: nobody was met there
	// What the store had given when this was last true: the last number of the feed, and
	// the last key of a dossier, since a message that is no event has no such number.
	arrival, lastDossier int64
}

const (
	nearLines      = 1 << 12 // 256 KB, which the processor keeps at hand
	nearNames      = 100_000 // so many stand there; 1 in 200 strangers is asked for
	farLines       = 1 << 17 // 8 MB for all others; with 5 million names, 1 in 70 strangers is asked for in all
	chunkLines     = 1 << 6  // made when somebody is met there: most stores stay small
	strangerProbes = 3
)

// line is what the processor reads together: all probes of a name are there.
type line [8]uint64

const lineBits = 8 * 64

func (l *line) has(probes uint64) bool {
	for range strangerProbes {
		if bit := probes % lineBits; l[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
		probes /= lineBits
	}
	return true
}

func (l *line) add(probes uint64) {
	for range strangerProbes {
		bit := probes % lineBits
		l[bit/64] |= 1 << (bit % 64)
		probes /= lineBits
	}
}

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
	at, probes := sum%(1<<32), sum>>32
	if s.near[at%nearLines].has(probes) {
		return false
	}
	at %= farLines
	chunk := s.far[at/chunkLines]
	return chunk == nil || !chunk[at%chunkLines].has(probes)
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
	at, probes := sum%(1<<32), sum>>32
	if s.names++; s.names <= nearNames {
		s.near[at%nearLines].add(probes)
		return
	}
	at %= farLines
	chunk := &s.far[at/chunkLines]
	if *chunk == nil {
		*chunk = new([chunkLines]line)
	}
	(*chunk)[at%chunkLines].add(probes)
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

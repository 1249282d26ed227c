package fhirsearch

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// A key is a value as the index holds it: its place, and enough of it to be found by. Keys
// are ordered as their values are. What one key says may be true of several values:
// Matches decides.
const (
	codeInKey = 5 // bytes
	// endKey marks the key of where a long span of time ends, or of a number that is only
	// known to be below or above another.
	endKey uint16 = 1 << 15
)

// Keys are those of a record with the values of its heads packed, sorted, each once.
func Keys(packed []byte) [][]byte {
	var keys [][]byte
	for _, v := range Unpack(packed) {
		v.each(func(place uint16, value []byte) bool {
			keys = appendKeys(keys, place, value)
			return true
		})
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

func appendKeys(keys [][]byte, place uint16, value []byte) [][]byte {
	switch kindOfPlace[place] {
	case KindToken, KindReference, KindURI:
		if len(value) == tokenSize {
			keys = append(keys, keyOf(place, value[:codeInKey]))
		}
	case KindDate:
		if s, ok := readSpan(value); ok {
			keys = append(keys, keyOf(place, second(s.Low)))
			if s.long() {
				keys = append(keys, keyOf(place|endKey, second(s.High)))
			}
		}
	case KindQuantity:
		if q, ok := readQuantity(value); ok && q.low == q.high {
			keys = append(keys, keyOf(place, q.low.clipped()))
		} else if ok {
			keys = append(keys, keyOf(place|endKey, nil))
		}
	}
	return keys
}

func keyOf(place uint16, rest []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, place), rest...)
}

// Reach is keys from one to another, both included, with all that begin with the latter.
type Reach struct{ From, To []byte }

func reach(place uint16, from, to []byte) Reach {
	return Reach{keyOf(place, from), keyOf(place, append(bytes.Clone(to), bytes.Repeat([]byte{0xFF}, 16)...))}
}

// Way is how candidates for a condition are found: all that match, and perhaps more, stand
// in one of its parts.
type Way struct {
	Reaches  []Reach
	IDs      []string   // of records
	Patients []string   // in whose dossier a record is
	Words    [][]string // each a set of words that all begin a word of the names
	Others   []string   // each a text, one of which stands whole, or at the beginning, among birth dates and identifiers
	Updated  [2]int64   // milliseconds since 1970, both included
	Conflict bool       // records in conflict
}

// Indexed reports whether the way leads through keys; other ways are there as soon as a
// record is.
func (w Way) Indexed() bool { return len(w.Reaches) > 0 }

// Ways are those by which candidates for a condition can be found, each of them whole;
// none where only looking at every record will do.
func (c *Condition) Ways() []Way {
	if c.not || c.missing || len(c.wants) == 0 {
		return nil
	}
	switch c.places[0] {
	case placeID:
		return []Way{{IDs: c.codes()}}
	case placeLastUpdated:
		return c.updatedWays()
	}
	if c.Kind == KindString {
		return c.wordWays()
	}
	var ways []Way
	if w, ok := c.keyWay(); ok {
		ways = append(ways, w)
	}
	if others, ok := c.others(); ok {
		ways = append(ways, Way{Others: others})
	}
	return ways
}

func (c *Condition) codes() (codes []string) {
	for _, w := range c.wants {
		codes = append(codes, w.code)
	}
	return codes
}

func (c *Condition) updatedWays() []Way {
	if len(c.wants) != 1 {
		return nil
	}
	w := c.wants[0]
	low, high := w.span.Low, w.span.High
	if w.span.Offset != noOffset {
		low, high = w.span.utc()
	}
	switch w.prefix {
	case prefixNe:
		return nil
	case prefixGt, prefixSa, prefixGe:
		high = latest
	case prefixLt, prefixEb, prefixLe:
		low = earliest
	case prefixAp:
		low, high = earlier(low, w.slack), later(high, w.slack)
	}
	return []Way{{Updated: [2]int64{low, high}}}
}

func (c *Condition) wordWays() []Way {
	var way Way
	for _, w := range c.wants {
		if len(w.words) == 0 {
			return nil
		}
		way.Words = append(way.Words, w.words)
	}
	return []Way{way}
}

// keyWay leads through the keys, and the dossiers where the parameter is about these.
func (c *Condition) keyWay() (way Way, ok bool) {
	for i := range c.wants {
		w := &c.wants[i]
		for _, place := range c.places {
			if place == placeDossier {
				if w.anyCode {
					return way, false
				}
				if w.anySystem || w.system == "Patient" {
					way.Patients = append(way.Patients, w.code)
				}
				continue
			}
			if place == placeTag && (w.anyCode || w.code == fhirjson.ConflictTag.Code) {
				way.Conflict = true
			}
			reaches, ok := w.reaches(place, c.Kind)
			if !ok {
				return way, false
			}
			way.Reaches = append(way.Reaches, reaches...)
		}
	}
	return way, true
}

// zones is the most by which two clocks on the wall can differ, and a second for the
// granularity of keys.
const zones = 29 * 3_600_000

func (w *want) reaches(place uint16, kind Kind) ([]Reach, bool) {
	switch kind {
	case KindDate:
		return w.dateReaches(place)
	case KindQuantity:
		from, to, ok := w.number.span(w.prefix)
		return []Reach{reach(place, from.clipped(), to.clipped()), reach(place|endKey, nil, nil)}, ok
	}
	return []Reach{reach(place, w.hash[:codeInKey], w.hash[:codeInKey])}, !w.anyCode
}

func (w *want) dateReaches(place uint16) ([]Reach, bool) {
	slack := int64(1000)
	if w.span.Offset != noOffset {
		slack = zones
	}
	low, high := earlier(w.span.Low, slack), later(w.span.High, slack)
	last := second(latest)
	begins := func(from, to int64) Reach { return reach(place, second(from), second(to)) }
	ends := func(from int64) Reach { return reach(place|endKey, second(from), last) }
	switch w.prefix {
	case prefixNe:
		return nil, false
	case prefixGt, prefixGe:
		return []Reach{begins(low-shortest, latest), ends(low)}, true
	case prefixSa:
		return []Reach{begins(low, latest)}, true
	case prefixLt, prefixLe, prefixEb:
		return []Reach{begins(earliest, high)}, true
	case prefixAp:
		return []Reach{begins(low-w.slack-shortest, high+w.slack), ends(low - w.slack)}, true
	}
	return []Reach{begins(low, high)}, true
}

// others are identifiers and birth dates as they stand among the words.
func (c *Condition) others() (list []string, ok bool) {
	for _, w := range c.wants {
		text := w.code
		switch {
		case c.Name == paramIdentifier && c.Kind == KindToken && len(c.places) == 1: // a masterIdentifier is no word
		case c.Name == "birthdate" && w.prefix == prefixEq && w.span.Offset == noOffset:
			text = w.text
		default:
			return nil, false
		}
		if text = Bare(text); text == "" {
			return nil, false
		}
		list = append(list, text)
	}
	return list, len(list) > 0
}

// Bare is a text folded into one word.
func Bare(s string) string { return strings.ReplaceAll(fhirjson.Fold(s), " ", "") }

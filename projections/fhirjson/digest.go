package fhirjson

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/carelog/carelog/events"
)

// Digest is equal for equal content: the same JSON with names in any order, however
// strings are escaped and white space is set, and without what belongs to the server
// (see Prepare). Numbers are compared by their digits: 1.00 is not 1.0, since in FHIR
// the digits say how exactly was measured. The order of lists counts.
//
// It holds for the life of a process and its projection; it is no part of the log.
func Digest(body []byte) (events.Digest, error) {
	t, err := parseContent(body)
	if err != nil {
		return events.Digest{}, err
	}
	defer t.free()
	return sha256.Sum256(t.appendCanonical(make([]byte, 0, len(t.body)), root)), nil
}

// Equal reports whether two bodies have equal content as Digest sees it. A body that
// cannot be read equals nothing, not even itself.
func Equal(a, b []byte) bool {
	x, err := parseContent(a)
	if err != nil {
		return false
	}
	defer x.free()
	y, err := parseContent(b)
	if err != nil {
		return false
	}
	defer y.free()
	return bytes.Equal(x.appendCanonical(nil, root), y.appendCanonical(nil, root))
}

// appendCanonical writes a value so that equal content gives equal bytes and other
// content other bytes: a letter for the kind, then lengths before all that varies.
func (t *tree) appendCanonical(out []byte, i uint32) []byte {
	switch t.nodes[i].kind {
	case object:
		members := t.sorted(i)
		out = binary.AppendUvarint(append(out, 'o'), uint64(len(members)))
		for _, c := range members {
			out = appendSized(out, t.nameBytes(c))
			out = t.appendCanonical(out, c)
		}
	case array:
		count := 0
		for range t.children(i) {
			count++
		}
		out = binary.AppendUvarint(append(out, 'a'), uint64(count))
		for c := range t.children(i) {
			out = t.appendCanonical(out, c)
		}
	case text:
		out = appendSized(append(out, 's'), t.textBytes(i))
	default: // a number's digits, or true, false, null
		out = appendSized(append(out, 'n'), t.raw(i))
	}
	return out
}

// sorted returns the members of an object by name.
func (t *tree) sorted(parent uint32) []uint32 {
	var few [16]uint32
	members := few[:0]
	for c := range t.children(parent) {
		members = append(members, c)
	}
	slices.SortFunc(members, func(a, b uint32) int { return bytes.Compare(t.nameBytes(a), t.nameBytes(b)) })
	return members
}

// nameBytes is name without a copy where it has no backslash.
func (t *tree) nameBytes(i uint32) []byte {
	n := &t.nodes[i]
	if n.nameEscaped {
		return []byte(t.name(i))
	}
	return t.body[n.nameStart:n.nameEnd]
}

// textBytes is text without a copy where it has no backslash.
func (t *tree) textBytes(i uint32) []byte {
	n := &t.nodes[i]
	if n.escaped {
		return []byte(t.text(i))
	}
	return t.body[n.start+1 : n.end-1]
}

func appendSized(out, s []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

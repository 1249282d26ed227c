package fhirjson

import (
	"iter"
	"sync"
	"unicode/utf8"
)

// kind is what a JSON value is.
type kind uint8

const (
	object kind = iota
	array
	text
	number
	literal // true, false or null
)

// node is one value: where it stands in the body, and under which name. The nodes
// of a value's subtree follow it directly, so next skips them.
type node struct {
	start, end         uint32 // of the value
	nameStart, nameEnd uint32 // of the member's name, without quotes; both 0 in an array
	next               uint32 // the node after this value and all within it
	kind               kind
	nameEscaped        bool // the name has a backslash
	escaped            bool // the string has a backslash
}

// tree is a body that was read once: its values in the order in which they stand.
type tree struct {
	body  []byte
	nodes []node
}

// root is the index of the resource itself.
const root = 0

// Trees are used again: most of the cost of a small one would be its memory. A
// large one is left to the collector.
const keepNodes = 1 << 14

var trees = sync.Pool{New: func() any { return new(tree) }}

// free gives the tree back. Nothing of it but the body may be used afterwards.
func (t *tree) free() {
	if cap(t.nodes) <= keepNodes {
		t.body = nil
		trees.Put(t)
	}
}

// children yields the members of an object or the items of an array.
func (t *tree) children(parent uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if t.nodes[parent].kind > array {
			return
		}
		for c := parent + 1; c < t.nodes[parent].next; c = t.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}

// member returns the value under a name of an object.
func (t *tree) member(parent uint32, name string) (uint32, bool) {
	if t.nodes[parent].kind != object {
		return 0, false
	}
	for c := range t.children(parent) {
		if t.named(c, name) {
			return c, true
		}
	}
	return 0, false
}

// textAt returns the string under a name of an object; empty where there is none.
func (t *tree) textAt(parent uint32, name string) string {
	if c, ok := t.member(parent, name); ok {
		return t.text(c)
	}
	return ""
}

func (t *tree) is(i uint32, k kind) bool { return t.nodes[i].kind == k }

// raw is the value as it stands in the body.
func (t *tree) raw(i uint32) []byte { return t.body[t.nodes[i].start:t.nodes[i].end] }

// text is the string that a value is; empty where it is none.
func (t *tree) text(i uint32) string {
	n := &t.nodes[i]
	switch {
	case n.kind != text:
		return ""
	case n.escaped:
		return unescape(t.body[n.start+1 : n.end-1])
	}
	return string(t.body[n.start+1 : n.end-1])
}

// name is the name of a member.
func (t *tree) name(i uint32) string {
	n := &t.nodes[i]
	if n.nameEscaped {
		return unescape(t.body[n.nameStart:n.nameEnd])
	}
	return string(t.body[n.nameStart:n.nameEnd])
}

// named reports whether the member has that name, however it is escaped.
func (t *tree) named(i uint32, name string) bool {
	n := &t.nodes[i]
	if n.nameEscaped {
		return t.name(i) == name
	}
	return string(t.body[n.nameStart:n.nameEnd]) == name
}

// unescape decodes the inside of a JSON string that the parser has accepted.
func unescape(s []byte) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(s[i+1:])
			i += 4
			if 0xD800 <= r && r < 0xDC00 { // the parser has seen its other half
				r = 0x10000 + (r-0xD800)<<10 + hex4(s[i+3:]) - 0xDC00
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default: // quote, backslash, solidus
			out = append(out, s[i])
		}
	}
	return string(out)
}

// hex4 reads four hexadecimal digits; -1 where they are not.
func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	var r rune
	for _, b := range s[:4] {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(b)
	}
	return r
}

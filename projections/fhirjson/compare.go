package fhirjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// Side says which of two versions is other than their ancestor.
type Side string

// The sides.
const (
	InA    Side = "a"
	InB    Side = "b"
	InBoth Side = "both" // also where there is no ancestor to compare with
)

// Difference is one field in which two versions differ.
type Difference struct {
	// Path leads to the field: Patient.name[0].family. An item of a list that has
	// an identity stands under it, telecom[phone|+32 2 123 45 67]; one that has none
	// stands under its place in A or, where it is not in A, in B.
	Path  string `json:"path"`
	Label string `json:"label"` // Path in words, for people
	// The field in each version as it stands there; nil where the version lacks it.
	Ancestor  json.RawMessage `json:"ancestor,omitempty"`
	A         json.RawMessage `json:"a,omitempty"`
	B         json.RawMessage `json:"b,omitempty"`
	ChangedIn Side            `json:"changed_in"`
	// OrderOnly says that both lists hold the same items in another order.
	OrderOnly bool `json:"order_only,omitempty"`
}

// Compare says in which fields two versions differ, in the order of A. Any of the
// three may be nil: no ancestor, or a deletion, which lacks every field. Values that
// are read as a whole (a coding, a quantity with its unit, a period) are one field.
// Items of a list belong together by their identity or their content, never by their
// place. What belongs to the server is left out.
//
// It is empty where A and B are equal, and only there. A body that cannot be read
// is one difference, as a JSON string.
func Compare(ancestor, a, b []byte) []Difference {
	c := comparison{ancestral: ancestor != nil}
	v := [3]value{}
	unreadable := false
	for i, body := range [3][]byte{ancestor, a, b} {
		if body == nil {
			continue
		}
		t, err := parseContent(body)
		if err != nil {
			unreadable = unreadable || i > 0
			continue
		}
		defer t.free()
		v[i] = value{t, root}
	}
	if unreadable {
		return []Difference{{Label: "Content", Ancestor: quoted(ancestor), A: quoted(a), B: quoted(b), ChangedIn: InBoth}}
	}
	typ := ""
	for _, version := range []value{v[2], v[1]} {
		if !version.absent() {
			typ = version.textAt(root, "resourceType")
		}
	}
	c.members(place{path: typ}, v[0], v[1], v[2])
	return c.found
}

func quoted(body []byte) json.RawMessage {
	if body == nil {
		return nil
	}
	return appendQuoted(nil, string(body))
}

// value is a place in a tree; the zero value is a field that a version lacks.
type value struct {
	*tree
	at uint32
}

func (v value) absent() bool { return v.tree == nil }

func (v value) isKind(k kind) bool { return !v.absent() && v.is(v.at, k) }

// absentOr reports whether v is absent or of that kind.
func (v value) absentOr(k kind) bool { return v.absent() || v.is(v.at, k) }

// fields are the members of an object by name.
func (v value) fields() map[string]value {
	out := map[string]value{}
	for _, m := range v.list() {
		out[m.name(m.at)] = m
	}
	return out
}

func (v value) list() []value {
	if v.absent() {
		return nil
	}
	var out []value
	for c := range v.children(v.at) {
		out = append(out, value{v.tree, c})
	}
	return out
}

func (v value) json() json.RawMessage {
	if v.absent() {
		return nil
	}
	return bytes.Clone(v.raw(v.at))
}

// content is the same for equal values, and empty for an absent one.
func (v value) content() string {
	if v.absent() {
		return ""
	}
	return string(v.appendCanonical(nil, v.at))
}

func same(a, b value) bool {
	if a.absent() || b.absent() {
		return a.absent() && b.absent()
	}
	return a.content() == b.content()
}

// place is where a comparison stands, for programs and for people.
type place struct{ path, label string }

func (p place) field(name string) place {
	label := words(name)
	if p.label != "" {
		label = p.label + " › " + label
	}
	return place{strings.TrimPrefix(p.path+"."+name, "."), label}
}

func (p place) item(name string, identified bool) place {
	label := p.label
	if identified {
		label += " " + name
	}
	return place{p.path + "[" + name + "]", label}
}

// words makes "Birth date" of birthDate and of _birthDate.
func words(name string) string {
	var b strings.Builder
	for i, r := range strings.TrimPrefix(name, "_") {
		switch {
		case i == 0:
			r = unicode.ToUpper(r)
		case unicode.IsUpper(r):
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// comparison gathers differences.
type comparison struct {
	ancestral bool
	found     []Difference
}

func (c *comparison) differ(at place, ancestor, a, b value) {
	side := InBoth
	if c.ancestral {
		switch {
		case same(ancestor, a):
			side = InB
		case same(ancestor, b):
			side = InA
		}
	}
	c.found = append(c.found, Difference{
		Path: at.path, Label: at.label,
		Ancestor: ancestor.json(), A: a.json(), B: b.json(), ChangedIn: side,
	})
}

// fields compares one field and all within it.
func (c *comparison) fields(at place, ancestor, a, b value) {
	switch {
	case same(a, b):
	case a.isKind(object) && b.isKind(object) && ancestor.absentOr(object) && !(whole(a) && whole(b)):
		c.members(at, ancestor, a, b)
	case ofObjects(a) && ofObjects(b) && (ancestor.absent() || ofObjects(ancestor)):
		c.items(at, ancestor, a, b)
	default:
		c.differ(at, ancestor, a, b)
	}
}

// members compares the members of objects; an absent one has none.
func (c *comparison) members(at place, ancestor, a, b value) {
	inAncestor, inA, inB := ancestor.fields(), a.fields(), b.fields()
	for _, v := range []value{a, b} {
		for _, m := range v.list() {
			name := m.name(m.at)
			if _, done := inA[name]; done && v == b {
				continue
			}
			c.fields(at.field(name), inAncestor[name], inA[name], inB[name])
		}
	}
}

// ofObjects reports whether v is a list whose items are all objects. Other lists, of
// given names or lines of an address, are read as a whole; so are those beside them
// whose nulls only hold places.
func ofObjects(v value) bool {
	if !v.isKind(array) {
		return false
	}
	for _, item := range v.list() {
		if !item.isKind(object) {
			return false
		}
	}
	return true
}

// wholes are the FHIR types of which half would mislead: a number without its unit.
var wholes = [][]string{
	{"coding", "text"},
	{"system", "version", "code", "display", "userSelected"},
	{"value", "comparator", "unit", "system", "code"},
	{"start", "end"},
	{"low", "high"},
	{"numerator", "denominator"},
	{"reference", "type", "identifier", "display"},
}

// whole reports whether an object is of such a type, by the names it has.
func whole(v value) bool {
	return slices.ContainsFunc(wholes, func(names []string) bool {
		for _, m := range v.list() {
			if name := m.name(m.at); name != "id" && name != "extension" && !slices.Contains(names, strings.TrimPrefix(name, "_")) {
				return false
			}
		}
		return true
	})
}

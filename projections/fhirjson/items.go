package fhirjson

import (
	"slices"
	"strconv"
)

// The versions that are compared, as indexes.
const (
	inAncestor = iota
	inA
	inB
)

// entry is one item of a list, as far as each version has it.
type entry struct {
	identity string // empty where the item has none that is its own
	versions [3]value
	places   [3]int // in each version's list
}

func (e *entry) has(version int) bool { return !e.versions[version].absent() }

// only reports whether no other version has the item.
func (e *entry) only(version int) bool {
	for v := range e.versions {
		if e.has(v) != (v == version) {
			return false
		}
	}
	return true
}

// items compares lists of objects.
func (c *comparison) items(at place, ancestor, a, b value) {
	entries := match([3][]value{ancestor.list(), a.list(), b.list()}, c.ancestral)
	for _, e := range entries {
		name := clip(e.identity)
		if name == "" {
			shown := inA
			if !e.has(inA) {
				shown = inB
			}
			name = strconv.Itoa(e.places[shown])
		}
		c.fields(at.item(name, e.identity != ""), e.versions[inAncestor], e.versions[inA], e.versions[inB])
	}
	if sameOrder(entries, inA, inB) {
		return
	}
	side := InBoth
	switch {
	case !c.ancestral:
	case sameOrder(entries, inAncestor, inA):
		side = InB
	case sameOrder(entries, inAncestor, inB):
		side = InA
	}
	c.found = append(c.found, Difference{
		Path: at.path, Label: at.label, ChangedIn: side, OrderOnly: true,
		Ancestor: ancestor.json(), A: a.json(), B: b.json(),
	})
}

// match finds the items of three lists that belong together: first by identity, then
// by content. Where exactly one item without an identity is left in a version and
// exactly one of the ancestor's is missing there, the one became the other. The
// result stands in the order of A, then of B.
func match(lists [3][]value, ancestral bool) []*entry {
	identities := identitiesOf(lists)
	var entries []*entry
	byIdentity := map[string]*entry{}
	byContent := map[string][]*entry{}
	for _, version := range [...]int{inA, inB, inAncestor} {
		used := map[string]int{} // how many of one content this version has had
		for i, item := range lists[version] {
			var e *entry
			id, content := identities[version][i], ""
			if id != "" {
				e = byIdentity[id]
			} else {
				content = item.content()
				if n := used[content]; n < len(byContent[content]) {
					e = byContent[content][n]
				}
				used[content]++
			}
			if e == nil {
				e = &entry{identity: id}
				entries = append(entries, e)
				if id != "" {
					byIdentity[id] = e
				} else {
					byContent[content] = append(byContent[content], e)
				}
			}
			e.versions[version], e.places[version] = item, i
		}
	}
	entries = join(entries, ancestral)
	slices.SortStableFunc(entries, func(x, y *entry) int { return x.rank(lists) - y.rank(lists) })
	return entries
}

// rank orders entries: those of A, those only in B, the rest.
func (e *entry) rank(lists [3][]value) int {
	switch {
	case e.has(inA):
		return e.places[inA]
	case e.has(inB):
		return len(lists[inA]) + e.places[inB]
	}
	return len(lists[inA]) + len(lists[inB]) + e.places[inAncestor]
}

// join brings together what must be one item that was changed: there is no other
// that it could have been.
func join(entries []*entry, ancestral bool) []*entry {
	for _, version := range [...]int{inA, inB} {
		added := sole(entries, func(e *entry) bool { return e.only(version) })
		lost := sole(entries, func(e *entry) bool {
			if ancestral {
				return e.has(inAncestor) && !e.has(version)
			}
			return e.only(inA + inB - version)
		})
		if added == nil || lost == nil {
			continue
		}
		lost.versions[version], lost.places[version] = added.versions[version], added.places[version]
		entries = slices.DeleteFunc(entries, func(e *entry) bool { return e == added })
	}
	return entries
}

// sole returns the one entry without an identity that ok accepts; nil where there
// are several.
func sole(entries []*entry, ok func(*entry) bool) *entry {
	var found *entry
	for _, e := range entries {
		if e.identity != "" || !ok(e) {
			continue
		}
		if found != nil {
			return nil
		}
		found = e
	}
	return found
}

// sameOrder reports whether the items that two versions share stand in one order.
func sameOrder(entries []*entry, x, y int) bool {
	shared := slices.DeleteFunc(slices.Clone(entries), func(e *entry) bool { return !e.has(x) || !e.has(y) })
	slices.SortFunc(shared, func(e, f *entry) int { return e.places[x] - f.places[x] })
	return slices.IsSortedFunc(shared, func(e, f *entry) int { return e.places[y] - f.places[y] })
}

// identitiesOf returns what identifies each item within its list. An identity that
// two items of one list share identifies neither.
func identitiesOf(lists [3][]value) [3][]string {
	var out [3][]string
	shared := map[string]bool{}
	for version, list := range lists {
		seen := map[string]bool{}
		for _, item := range list {
			id := item.identity(item.at)
			shared[id] = shared[id] || seen[id]
			seen[id] = true
			out[version] = append(out[version], id)
		}
	}
	for _, ids := range out {
		for i, id := range ids {
			if shared[id] {
				ids[i] = ""
			}
		}
	}
	return out
}

// identity is what an object is known by within a list, whatever else of it changes;
// empty where it has nothing of the kind.
func (t *tree) identity(i uint32) string {
	for _, name := range [...]string{"id", "fullUrl", "linkId", "url", "reference"} {
		if s := t.textAt(i, name); s != "" {
			return s
		}
	}
	system := t.textAt(i, "system")
	for _, name := range [...]string{"value", "code"} { // Identifier and ContactPoint, Coding
		if s := t.textAt(i, name); s != "" {
			return system + "|" + s
		}
	}
	// A business identifier, a CodeableConcept, and what is about one of these.
	for _, name := range [...]string{"identifier", "coding", "code", "substance", "actor", "individual"} {
		c, ok := t.member(i, name)
		if !ok {
			continue
		}
		for t.is(c, array) && c+1 < t.nodes[c].next {
			c++
		}
		if t.is(c, object) {
			if s := t.identity(c); s != "" {
				return s
			}
		}
	}
	return ""
}

package fhirjson

// Element is one value of a resource that was read, for who looks at single ones. It is
// valid within the function that Visit calls.
type Element struct {
	t *tree
	i uint32
}

// Visit reads a body as Check does, but for what it is, and calls f with the resource. The
// only error is a body that cannot be read.
func Visit(body []byte, f func(resource Element)) error {
	t, err := parse(body)
	if err != nil {
		return err
	}
	defer t.free()
	f(Element{t, root})
	return nil
}

// Member is the value under a name of an object.
func (e Element) Member(name string) (Element, bool) {
	c, ok := e.t.member(e.i, name)
	return Element{e.t, c}, ok
}

// Each calls f with what stands at a path of names, through all lists on the way.
func (e Element) Each(path []string, f func(Element)) {
	if e.t.is(e.i, array) {
		for c := range e.t.children(e.i) {
			Element{e.t, c}.Each(path, f)
		}
		return
	}
	if len(path) == 0 {
		f(e)
		return
	}
	if c, ok := e.Member(path[0]); ok {
		c.Each(path[1:], f)
	}
}

// IsObject reports whether the element has members.
func (e Element) IsObject() bool { return e.t.is(e.i, object) }

// Text is the string that the element is, or the one under a name of it; empty where
// there is none.
func (e Element) Text(name ...string) string {
	for _, n := range name {
		c, ok := e.Member(n)
		if !ok {
			return ""
		}
		e = c
	}
	return e.t.text(e.i)
}

// Digits is a number as it is written; empty where the element is none.
func (e Element) Digits() string {
	if !e.t.is(e.i, number) {
		return ""
	}
	return string(e.t.raw(e.i))
}

// Primitive is a string, a number or a boolean as FHIR writes it in a search; empty for
// all else.
func (e Element) Primitive() string {
	switch e.t.nodes[e.i].kind {
	case text:
		return e.t.text(e.i)
	case number:
		return string(e.t.raw(e.i))
	case literal:
		if raw := string(e.t.raw(e.i)); raw != "null" {
			return raw
		}
	}
	return ""
}

// Local makes a reference that is a URL on loopback, where only desks of the practice
// serve FHIR, relative: Type/id. Others stay as they are.
func Local(reference string) string { return local(reference) }

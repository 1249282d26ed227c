package fhirjson

// Element is one value of a body that was read strictly, for who knows more of its content
// than this package does. It is read by one goroutine, and not after Close of the resource
// or the end of Visit. The zero Element is None.
type Element struct {
	t *tree
	i uint32
}

// None is no value: the answer to a question for what is not there. It has no members.
var None Element

// Kind is what a JSON value is.
type Kind uint8

// The kinds.
const (
	Object  = Kind(object)
	Array   = Kind(array)
	Text    = Kind(text)
	Number  = Kind(number)
	Literal = Kind(literal) // true, false or null
	Nothing = ^Kind(0)      // that of None
)

// Look reads a body as Check does; every error is an *Error. The caller closes the resource.
func Look(body []byte) (resource Element, err error) { return look(parse(body)) }

// LookAround is Look of a Bundle whose resources may each be as deep as by itself, as Entries reads it.
func LookAround(bundle []byte) (resource Element, err error) { return look(parseAround(bundle)) }

func look(t *tree, err error) (Element, error) {
	if err != nil {
		return None, err
	}
	if _, err := t.check(); err != nil {
		t.free()
		return None, err
	}
	return Element{t, root}, nil
}

// Close gives the memory of a resource back.
func (e Element) Close() { e.t.free() }

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

// First is the first member of an object or item of an array.
func (e Element) First() Element {
	if e == None {
		return None
	}
	n := &e.t.nodes[e.i]
	if n.kind > array || n.next == e.i+1 {
		return None
	}
	return Element{e.t, e.i + 1}
}

// Next is the member or item behind one.
func (e Element) Next(child Element) Element {
	if next := e.t.nodes[child.i].next; next < e.t.nodes[e.i].next {
		return Element{e.t, next}
	}
	return None
}

// Member is the value under a name of an object.
func (e Element) Member(name string) Element {
	if e == None {
		return None
	}
	if c, ok := e.t.member(e.i, name); ok {
		return Element{e.t, c}
	}
	return None
}

// Each calls f with what stands at a path of names, through all lists on the way.
func (e Element) Each(path []string, f func(Element)) {
	if e.Kind() == Array {
		for c := range e.t.children(e.i) {
			Element{e.t, c}.Each(path, f)
		}
		return
	}
	if len(path) == 0 {
		f(e)
		return
	}
	if c := e.Member(path[0]); c != None {
		c.Each(path[1:], f)
	}
}

// Kind is that of a value.
func (e Element) Kind() Kind {
	if e == None {
		return Nothing
	}
	return Kind(e.t.nodes[e.i].kind)
}

// Name is that of a member of an object. It may share memory with the body.
func (e Element) Name() []byte { return e.t.nameBytes(e.i) }

// Raw is a value as it stands in the body.
func (e Element) Raw() []byte { return e.t.raw(e.i) }

// Bytes is the string that a value is, nil where it is none. It may share memory with
// the body.
func (e Element) Bytes() []byte {
	if e.Kind() != Text {
		return nil
	}
	return e.t.textBytes(e.i)
}

// Text is the string that the element is, or the one under a name of it; empty where
// there is none.
func (e Element) Text(name ...string) string {
	for _, n := range name {
		e = e.Member(n)
	}
	if e == None {
		return ""
	}
	return e.t.text(e.i)
}

// Digits is a number as it is written; empty where the element is none.
func (e Element) Digits() string {
	if e.Kind() != Number {
		return ""
	}
	return string(e.Raw())
}

// Primitive is a string, a number or a boolean as FHIR writes it in a search; empty for
// all else.
func (e Element) Primitive() string {
	switch e.Kind() {
	case Text:
		return e.t.text(e.i)
	case Number:
		return string(e.Raw())
	case Literal:
		if raw := string(e.Raw()); raw != "null" {
			return raw
		}
	}
	return ""
}

// Swap is a member of an object, and what is to stand in its place.
type Swap struct {
	Member Element
	With   string // JSON of members, with a comma between two
}

// Swapped is the body of a resource with other members in place of some; every other byte is
// as it was.
func (e Element) Swapped(swaps []Swap) []byte {
	edits := make([]edit, len(swaps))
	for i, s := range swaps {
		n := &e.t.nodes[s.Member.i]
		edits[i] = edit{n.nameStart - 1, n.end, s.With}
	}
	return apply(e.t.body, edits)
}

// Local makes a reference that is a URL on loopback, where only desks of the practice
// serve FHIR, relative: Type/id. Others stay as they are.
func Local(reference string) string { return local(reference) }

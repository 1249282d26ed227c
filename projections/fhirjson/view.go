package fhirjson

// View is a body that was read strictly, for who knows more of its content than this
// package does. It is read by one goroutine, and not after Close.
type View struct{ tree *tree }

// Node is a value in a View.
type Node uint32

// Root is the resource itself; as the answer to a question it means that there is no
// such value, since the root stands in no other.
const Root Node = root

// Kind is what a JSON value is.
type Kind uint8

// The kinds.
const (
	Object  = Kind(object)
	Array   = Kind(array)
	Text    = Kind(text)
	Number  = Kind(number)
	Literal = Kind(literal) // true, false or null
)

// Look reads a body as Check does; every error is an *Error. The caller closes the View.
func Look(body []byte) (View, error) {
	t, err := parse(body)
	if err != nil {
		return View{}, err
	}
	if _, err := t.check(); err != nil {
		t.free()
		return View{}, err
	}
	return View{t}, nil
}

// Close gives the memory of the View back.
func (v View) Close() { v.tree.free() }

// First returns the first member of an object or item of an array; Root where there
// is none.
func (v View) First(parent Node) Node {
	n := &v.tree.nodes[parent]
	if n.kind > array || n.next == uint32(parent)+1 {
		return Root
	}
	return parent + 1
}

// Next returns the member or item behind one; Root where there is none.
func (v View) Next(parent, child Node) Node {
	if next := v.tree.nodes[child].next; next < v.tree.nodes[parent].next {
		return Node(next)
	}
	return Root
}

// Member returns the value under a name of an object; Root where there is none.
func (v View) Member(parent Node, name string) Node {
	c, _ := v.tree.member(uint32(parent), name)
	return Node(c)
}

// Kind is that of a value.
func (v View) Kind(n Node) Kind { return Kind(v.tree.nodes[n].kind) }

// Name is that of a member of an object. It may share memory with the body.
func (v View) Name(n Node) []byte { return v.tree.nameBytes(uint32(n)) }

// Text is the string that a value is, nil where it is none. It may share memory with
// the body.
func (v View) Text(n Node) []byte {
	if v.Kind(n) != Text {
		return nil
	}
	return v.tree.textBytes(uint32(n))
}

// Raw is a value as it stands in the body.
func (v View) Raw(n Node) []byte { return v.tree.raw(uint32(n)) }

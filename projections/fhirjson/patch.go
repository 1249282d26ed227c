package fhirjson

import (
	"bytes"
	"fmt"
)

// Bounds of a patch, so that what it takes to apply one is bounded too.
const (
	MaxOperations = 1000
	maxPatchWork  = 1 << 28 // bytes of the resource, once for each operation
)

// PatchError says why a patch was not applied.
type PatchError struct {
	Operation int    // from 0; -1: the patch as a whole
	Path      string // JSON Pointer
	Reason    string
	// Malformed says that it is no patch by RFC 6902. Else it is one that this resource
	// does not take: a test failed, or a pointer leads nowhere.
	Malformed bool
}

// Error names the operation.
func (e *PatchError) Error() string {
	switch {
	case e.Operation < 0:
		return "patch: " + e.Reason
	case e.Path == "":
		return fmt.Sprintf("patch, operation %d: %s", e.Operation, e.Reason)
	}
	return fmt.Sprintf("patch, operation %d, %s: %s", e.Operation, clip(e.Path), e.Reason)
}

// Patch applies a JSON Patch (RFC 6902) to a resource: all its operations, or none. What
// no operation touches keeps its exact bytes, and values come in with the bytes that
// they have in the patch, or where they are moved or copied from. The operation test
// compares as Equal does, so 1.00 is not 1.0. The result is one JSON object; whether it
// is still a resource is for Check to say. Errors: *PatchError, and *Error where a
// resource would be over its bounds.
func Patch(body, patch []byte) ([]byte, error) {
	list, err := parseAs(patch, '[', "a JSON Patch is one array of operations", MaxDepth)
	if err != nil {
		return nil, &PatchError{Operation: -1, Reason: err.Error(), Malformed: true}
	}
	defer list.free()
	operations, err := list.operations()
	if err != nil {
		return nil, err
	}
	if len(operations) > MaxOperations || len(operations)*len(body) > maxPatchWork {
		return nil, &PatchError{Operation: -1, Reason: fmt.Sprintf("%d operations are too many for %d bytes: send the resource as it is to be", len(operations), len(body)), Malformed: true}
	}
	for i, op := range operations {
		if body, err = op.apply(body, list); err != nil {
			if fault, ok := err.(*fault); ok {
				return nil, &PatchError{Operation: i, Path: fault.path, Reason: fault.reason}
			}
			return nil, err
		}
	}
	return body, nil
}

// operation is one of a patch.
type operation struct {
	op         string
	path, from []string
	text       [2]string // path and from as they were written
	value      uint32    // node in the tree of the patch
}

// fault is why an operation cannot be applied.
type fault struct{ path, reason string }

func (f *fault) Error() string { return f.reason }

// operations reads the operations of a patch. The error is a *PatchError.
func (t *tree) operations() ([]operation, error) {
	var list []operation
	for c := range t.children(root) {
		op, err := t.operation(c)
		if err != nil {
			return nil, &PatchError{Operation: len(list), Path: op.text[0], Reason: err.Error(), Malformed: true}
		}
		list = append(list, op)
	}
	return list, nil
}

func (t *tree) operation(i uint32) (op operation, err error) {
	op.op = t.textAt(i, "op")
	pointer := func(name string, n int) []string {
		c, ok := t.member(i, name)
		if err == nil && (!ok || !t.is(c, text)) {
			err = fmt.Errorf("%q is missing: want a JSON Pointer", name)
		}
		if err != nil {
			return nil
		}
		op.text[n] = t.text(c)
		var steps []string
		steps, err = parsePointer(op.text[n])
		return steps
	}
	op.path = pointer("path", 0)
	switch op.op {
	case "add", "replace", "test":
		value, ok := t.member(i, "value")
		if err == nil && !ok {
			err = fmt.Errorf("%s has no value", op.op)
		}
		op.value = value
	case "move", "copy":
		op.from = pointer("from", 1)
	case "remove":
	default:
		err = fmt.Errorf("the operation %q is none of add, remove, replace, move, copy, test", clip(op.op))
	}
	return op, err
}

// apply makes of a body what one operation makes of it.
func (o operation) apply(body []byte, patch *tree) ([]byte, error) {
	t, err := parse(body)
	if err != nil {
		return nil, err
	}
	defer t.free()
	switch o.op {
	case "add":
		return o.add(t, patch.raw(o.value))
	case "remove":
		return o.remove(t, o.path, o.text[0])
	case "replace":
		i, err := t.at(o.path)
		if err != nil {
			return nil, &fault{o.text[0], err.Error()}
		}
		return t.replace(i, patch.raw(o.value)), nil
	case "test":
		i, err := t.at(o.path)
		if err != nil {
			return nil, &fault{o.text[0], err.Error()}
		}
		if !bytes.Equal(t.appendCanonical(nil, i), patch.appendCanonical(nil, o.value)) {
			return nil, &fault{o.text[0], "the test fails: another value stands there"} // a refusal shows nothing of a record
		}
		return body, nil
	}
	return o.carry(t)
}

// carry moves or copies.
func (o operation) carry(t *tree) ([]byte, error) {
	i, err := t.at(o.from)
	if err != nil {
		return nil, &fault{o.text[1], err.Error()}
	}
	value := bytes.Clone(t.raw(i))
	if o.op == "copy" {
		return o.add(t, value)
	}
	if within(o.from, o.path) {
		if len(o.from) == len(o.path) {
			return t.body, nil
		}
		return nil, &fault{o.text[0], "nothing can be moved into itself"}
	}
	without, err := o.remove(t, o.from, o.text[1])
	if err != nil {
		return nil, err
	}
	rest, err := parse(without)
	if err != nil {
		return nil, err
	}
	defer rest.free()
	return o.add(rest, value)
}

// within reports whether steps lead to a place or to what is in it.
func within(place, steps []string) bool {
	if len(place) > len(steps) {
		return false
	}
	for i, step := range place {
		if steps[i] != step {
			return false
		}
	}
	return true
}

func (t *tree) replace(i uint32, value []byte) []byte {
	return apply(t.body, []edit{{t.nodes[i].start, t.nodes[i].end, string(value)}})
}

// add puts a value where the operation's path says: it replaces a member that is there,
// and makes place in a list.
func (o operation) add(t *tree, value []byte) ([]byte, error) {
	if len(o.path) == 0 {
		return t.replace(root, value), nil
	}
	last := o.path[len(o.path)-1]
	parent, err := t.at(o.path[:len(o.path)-1])
	if err != nil {
		return nil, &fault{o.text[0], err.Error()}
	}
	switch t.nodes[parent].kind {
	case object:
		if c, ok := t.member(parent, last); ok {
			return t.replace(c, value), nil
		}
		return t.append(parent, string(appendQuoted(nil, last))+":"+string(value)), nil
	case array:
		if last == "-" {
			return t.append(parent, string(value)), nil
		}
		n, err := itemNumber(last)
		if err != nil {
			return nil, &fault{o.text[0], err.Error()}
		}
		for c := range t.children(parent) {
			if n == 0 {
				return apply(t.body, []edit{insert(t.nodes[c].start, string(value)+",")}), nil
			}
			n--
		}
		if n == 0 {
			return t.append(parent, string(value)), nil
		}
		return nil, &fault{o.text[0], "the list is not so long"}
	}
	return nil, &fault{o.text[0], "it leads into a value that has no parts"}
}

// append puts a member or an item behind the last one.
func (t *tree) append(parent uint32, with string) []byte {
	last := parent
	for c := range t.children(parent) {
		last = c
	}
	if last == parent {
		return apply(t.body, []edit{insert(t.nodes[parent].start+1, with)})
	}
	return apply(t.body, []edit{insert(t.nodes[last].end, ","+with)})
}

// remove takes a value out, with its name and its comma.
func (o operation) remove(t *tree, steps []string, path string) ([]byte, error) {
	i, err := t.at(steps)
	if err != nil {
		return nil, &fault{path, err.Error()}
	}
	if len(steps) == 0 {
		return nil, &fault{path, "a resource cannot be taken out of itself: delete it"}
	}
	parent, err := t.at(steps[:len(steps)-1])
	if err != nil {
		return nil, &fault{path, err.Error()}
	}
	cuts, emptied := t.cut(parent, func(c uint32) bool { return c == i })
	if emptied {
		cuts = []edit{{t.nodes[parent].start + 1, t.nodes[parent].end - 1, ""}}
	}
	return apply(t.body, cuts), nil
}

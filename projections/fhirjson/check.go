package fhirjson

import "fmt"

// Head is what names a resource.
type Head struct {
	ResourceType string
	ID           string // empty where it has none
}

// Error says what is wrong with a resource, and where.
type Error struct {
	Path     string // FHIRPath of the place, such as Patient.name[0]; empty where it is the whole
	Reason   string
	Line     int  // of the place, from 1; 0 where it is unknown
	TooLarge bool // it is over events.MaxPlain
}

// Error names the place and what is wrong there.
func (e *Error) Error() string {
	switch {
	case e.Line > 0 && e.Path != "":
		return fmt.Sprintf("resource, line %d, %s: %s", e.Line, e.Path, e.Reason)
	case e.Line > 0:
		return fmt.Sprintf("resource, line %d: %s", e.Line, e.Reason)
	case e.Path != "":
		return fmt.Sprintf("resource, %s: %s", e.Path, e.Reason)
	}
	return "resource: " + e.Reason
}

// Check reads a body strictly (see the package) and returns what names it. Beside
// the JSON it looks at what the server itself needs: resourceType is the name of a
// type, id a string, meta an object and meta.tag an array, where they are there.
// Every error is an *Error.
func Check(body []byte) (Head, error) {
	t, err := parse(body)
	if err != nil {
		return Head{}, err
	}
	defer t.free()
	return t.check()
}

func (t *tree) check() (Head, error) {
	var head Head
	for c := range t.children(root) {
		switch {
		case t.named(c, "resourceType"):
			head.ResourceType = t.text(c)
			if !isType(head.ResourceType) {
				return Head{}, t.fault(c, "resourceType", "want the name of a resource type")
			}
		case t.named(c, "id"):
			if !t.is(c, text) {
				return Head{}, t.fault(c, "id", "want a string")
			}
			head.ID = t.text(c)
		case t.named(c, "meta"):
			if !t.is(c, object) {
				return Head{}, t.fault(c, "meta", "want an object")
			}
			if tag, ok := t.member(c, "tag"); ok && !t.is(tag, array) {
				return Head{}, t.fault(tag, "meta.tag", "want an array")
			}
		}
	}
	if head.ResourceType == "" {
		return Head{}, t.fault(root, "resourceType", "it is missing")
	}
	return head, nil
}

// fault makes the error of a value that is well-formed and still wrong.
func (t *tree) fault(i uint32, path, reason string) *Error {
	line := 1
	for _, b := range t.body[:t.nodes[i].start] {
		if b == '\n' {
			line++
		}
	}
	return &Error{Path: path, Reason: reason, Line: line}
}

// isType reports whether s can name a resource type: 1 to 64 letters, the first a capital.
func isType(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if b := s[i] | 0x20; b < 'a' || b > 'z' {
			return false
		}
	}
	return true
}

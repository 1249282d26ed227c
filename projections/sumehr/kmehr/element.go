package kmehr

import "strings"

// Namespace is that of every element of a message.
const Namespace = "http://www.ehealth.fgov.be/standards/kmehr/schema/v1"

// Element is one element of a message. Where texts stand between elements, as in a
// text with layout, each is a child without a name.
type Element struct {
	Name     string
	Attr     []Attr // in the order in which they are written
	Text     string // of an element without children
	Children []*Element
}

// Attr is an attribute without a namespace: S, SV, SL, DN, L, nullFlavor. An element of
// another namespace than the one around it has it as xmlns.
type Attr struct{ Name, Value string }

// New returns an element around others. Those that are nil are left out.
func New(name string, children ...*Element) *Element {
	return (&Element{Name: name}).Add(children...)
}

// Leaf returns an element that holds a text.
func Leaf(name, text string) *Element { return &Element{Name: name, Text: text} }

// Text returns a text in a language.
func Text(language, text string) *Element {
	return &Element{Name: "text", Attr: []Attr{{"L", language}}, Text: text}
}

// ID returns an identifier of a scheme.
func ID(scheme, value string) *Element {
	return &Element{Name: "id", Attr: []Attr{{"S", scheme}, {"SV", "1.0"}}, Text: value}
}

// LocalID returns an identifier of a system that is not eHealth's.
func LocalID(system, value string) *Element {
	return &Element{Name: "id", Attr: []Attr{{"S", "LOCAL"}, {"SV", "1.0"}, {"SL", system}}, Text: value}
}

// Code returns a code of a table, with the version of the table.
func Code(table, version, value string) *Element {
	return &Element{Name: "cd", Attr: []Attr{{"S", table}, {"SV", version}}, Text: value}
}

// Add puts elements at the end, those that are nil left out, and returns e.
func (e *Element) Add(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, c)
		}
	}
	return e
}

// Value is the text without the white space around it and with single spaces within: line
// ends and indents in a message are the work of its writer. A nil element has none.
func (e *Element) Value() string {
	if e == nil {
		return ""
	}
	return strings.Join(strings.Fields(e.Text), " ")
}

// Attribute is the value of an attribute; empty where there is none.
func (e *Element) Attribute(name string) string {
	if e != nil {
		for _, a := range e.Attr {
			if a.Name == name {
				return a.Value
			}
		}
	}
	return ""
}

// All returns the children of a name.
func (e *Element) All(name string) (found []*Element) {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c.Name == name {
			found = append(found, c)
		}
	}
	return found
}

// At follows a path of names, the first of each; nil where it ends before.
func (e *Element) At(path ...string) *Element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		var next *Element
		for _, c := range e.Children {
			if c.Name == name {
				next = c
				break
			}
		}
		e = next
	}
	return e
}

// Codes returns the children cd of a table.
func (e *Element) Codes(table string) []*Element { return e.of("cd", table) }

// IDs returns the children id of a scheme.
func (e *Element) IDs(scheme string) []*Element { return e.of("id", scheme) }

func (e *Element) of(name, scheme string) (found []*Element) {
	for _, c := range e.All(name) {
		if c.Attribute("S") == scheme {
			found = append(found, c)
		}
	}
	return found
}

// Code is the first value of a table among the children; empty where there is none.
func (e *Element) Code(table string) string { return first(e.Codes(table)).Value() }

// ID is the first value of a scheme among the children; empty where there is none.
func (e *Element) ID(scheme string) string { return first(e.IDs(scheme)).Value() }

// Local is the identifier of a system of one's own; empty where there is none.
func (e *Element) Local(system string) string {
	for _, id := range e.IDs("LOCAL") {
		if id.Attribute("SL") == system {
			return id.Value()
		}
	}
	return ""
}

func first(list []*Element) *Element {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// Items returns the items of a transaction in their order. Some write them flat, some
// beneath headings: both are found.
func Items(transaction *Element) (items []*Element) {
	if transaction == nil {
		return nil
	}
	for _, c := range transaction.Children {
		switch c.Name {
		case "item":
			items = append(items, c)
		case "heading":
			items = append(items, Items(c)...)
		}
	}
	return items
}

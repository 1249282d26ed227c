package structure

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carelog/carelog/projections/fhirjson"
)

// primitive checks one value of a primitive type, and its code.
func (c *checker) primitive(n fhirjson.Element, p *property) {
	f := p.of.format
	value := n.Raw()
	if f.kind == fhirjson.Text {
		value = n.Bytes()
	}
	switch {
	case c.isNull(n):
		c.fail(CodeStructure, "null is no value: leave the element out")
	case n.Kind() != f.kind, !f.fits(value):
		c.fail(CodeValue, "%s is no %s: want %s", c.quote(n), p.of.name, f.want)
	case p.codes != nil && !has(p.codes.plain, value):
		c.fail(CodeUnknown, "%s is none of the codes that can stand here: %s", c.quote(n), list(p.codes.plain))
	}
}

// primitives checks a list of primitives together with its sibling, whose items are
// their ids and extensions (json.html#primitive). A null holds the place of what the
// other list has; either may be shorter.
func (c *checker) primitives(values, aside fhirjson.Element, p *property) {
	i, j := values.First(), fhirjson.None
	if aside != fhirjson.None {
		j = aside.First()
	}
	for index := 0; i != fhirjson.None && !c.full; index++ {
		if !c.isNull(i) {
			c.item(index)
			c.primitive(i, p)
			c.leave()
		} else if j == fhirjson.None || c.isNull(j) {
			c.item(index)
			c.fail(CodeStructure, "null can only stand where _%s has an extension in its place", p.name)
			c.leave()
		}
		i = values.Next(i)
		if j != fhirjson.None {
			j = aside.Next(j)
		}
	}
}

// aside checks what stands beside a primitive under its name with an underscore.
func (c *checker) aside(parent, m fhirjson.Element, p *property) {
	element := c.table.types["Element"]
	if !p.many {
		if m.Kind() != fhirjson.Object {
			c.fail(CodeStructure, "want an object with the extensions of %s under _%s", p.name, p.name)
			return
		}
		where := anywhere
		if parent.Member(p.name) != fhirjson.None {
			where = besideValue
		}
		c.object(m, element, where)
		return
	}
	if m.Kind() != fhirjson.Array || m.First() == fhirjson.None {
		c.fail(CodeStructure, "want an array under _%s, with an object or null for each value of %s", p.name, p.name)
		return
	}
	values := c.sibling(parent, p.name)
	i, index := fhirjson.None, 0
	if values != fhirjson.None {
		i = values.First()
	}
	for j := m.First(); j != fhirjson.None && !c.full; j = m.Next(j) {
		c.item(index)
		switch {
		case c.isNull(j) && i == fhirjson.None:
			c.fail(CodeStructure, "null under _%s holds the place of no value of %s", p.name, p.name)
		case c.isNull(j):
		case j.Kind() != fhirjson.Object:
			c.fail(CodeStructure, "want an object with the extensions of the value, or null, under _%s", p.name)
		case i == fhirjson.None || c.isNull(i):
			c.object(j, element, anywhere)
		default:
			c.object(j, element, besideValue)
		}
		c.leave()
		if i != fhirjson.None {
			i = values.Next(i)
		}
		index++
	}
}

// sibling is the other list of a primitive; None where it is none.
func (c *checker) sibling(parent fhirjson.Element, name string) fhirjson.Element {
	n := parent.Member(name)
	if n != fhirjson.None && n.Kind() != fhirjson.Array {
		return fhirjson.None // said where it is visited
	}
	return n
}

// concept checks a CodeableConcept whose codings are listed: one of them must be of
// the list. One that says by an extension why it has none passes.
func (c *checker) concept(n fhirjson.Element, of *codes) {
	coding := n.Member("coding")
	if coding == fhirjson.None {
		if n.Member("text") != fhirjson.None {
			c.failAt("coding", CodeUnknown, "a text alone cannot stand here: add a coding of %s", of.describe())
		}
		return
	}
	for i := coding.First(); i != fhirjson.None; i = coding.Next(i) {
		system, code := i.Member("system"), i.Member("code")
		if system != fhirjson.None && code != fhirjson.None && has(of.systems[string(system.Bytes())], code.Bytes()) {
			return
		}
	}
	c.failAt("coding", CodeUnknown, "none of the codings is one that can stand here: want system and code of %s", of.describe())
}

func (c *checker) isNull(n fhirjson.Element) bool {
	return n.Kind() == fhirjson.Literal && n.Raw()[0] == 'n'
}

// quote is a value as it stands in the body, cut short.
func (c *checker) quote(n fhirjson.Element) string {
	switch n.Kind() {
	case fhirjson.Object:
		return "an object"
	case fhirjson.Array:
		return "an array"
	}
	return clip(string(n.Raw()))
}

// clip keeps what is quoted short, and whole in its characters.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// pathName is a name as FHIRPath writes it.
func pathName(name string) string {
	if name == "" {
		return "``"
	}
	for i := range len(name) {
		if b := name[i]; !isAlphanumeric(b) && b != '_' || i == 0 && isDigit(b) {
			return "`" + name + "`"
		}
	}
	return name
}

// has reports whether a sorted list holds a code.
func has(list []string, code []byte) bool {
	low, high := 0, len(list)
	for low < high {
		if middle := (low + high) / 2; list[middle] < string(code) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(list) && list[low] == string(code)
}

// list names codes; not all where there are many.
func list(of []string) string {
	const most = 20
	if len(of) > most {
		return strings.Join(of[:most], ", ") + ", …"
	}
	return strings.Join(of, ", ")
}

func (of *codes) describe() string {
	var parts []string
	for _, system := range slices.Sorted(maps.Keys(of.systems)) {
		parts = append(parts, system+": "+list(of.systems[system]))
	}
	return strings.Join(parts, "; ")
}

// choices names the members that a choice can be.
func (d *definition) choices(element string) string {
	var names []string
	for _, p := range d.properties {
		if p.choice > 0 && p.element == element {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}

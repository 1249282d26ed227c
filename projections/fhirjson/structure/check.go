package structure

import (
	"fmt"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Check holds a resource against R4. The error is a *fhirjson.Error where the body
// cannot be read, and an *Error where it is not what R4 says.
func Check(body []byte) error { return check(body, false) }

// CheckBundle is Check of a Bundle but for the resources in it, each of which is a matter of
// its own entry.
func CheckBundle(body []byte) error { return check(body, true) }

func check(body []byte, shell bool) error {
	look := fhirjson.Look
	if shell {
		look = fhirjson.LookAround
	}
	v, err := look(body)
	if err != nil {
		return err
	}
	defer v.Close()
	var room [24]step
	c := checker{table: table(), steps: room[:0], shell: shell}
	c.resource(v, outermost)
	if len(c.issues) > 0 {
		return &Error{Issues: c.issues, More: c.full}
	}
	return nil
}

// CheckApart is Check of a Binary whose content was taken out (fhirjson.SplitContent), as if
// it referred to one already.
func CheckApart(body []byte) error {
	body, err := fhirjson.Attach(body, events.Attachment{Name: "x", Size: 1})
	if err != nil {
		return err
	}
	return Check(body)
}

// step is one name on the way to a value, or one place in a list.
type step struct {
	name  string
	index int // of an item; -1: the step is a name
}

// checker walks through a body beside its definitions.
type checker struct {
	table  *definitions
	steps  []step // to where it stands
	issues []Issue
	full   bool    // there may be more than MaxIssues
	shell  bool    // resources within the body are passed over
	doubts []Issue // what Warnings returns; at most MaxIssues as well

	attachment func(fhirjson.Element) // is called with each Attachment; nil: nobody asks
}

func (c *checker) enter(name string) { c.steps = append(c.steps, step{name, -1}) }

func (c *checker) item(index int) { c.steps = append(c.steps, step{"", index}) }

func (c *checker) leave() { c.steps = c.steps[:len(c.steps)-1] }

// path is where the checker stands.
func (c *checker) path() string {
	var b strings.Builder
	for i, s := range c.steps {
		switch {
		case s.index >= 0:
			fmt.Fprintf(&b, "[%d]", s.index)
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// fail notes what is wrong where the checker stands.
func (c *checker) fail(code Code, format string, args ...any) {
	if len(c.issues) == MaxIssues {
		c.full = true
		return
	}
	c.issues = append(c.issues, Issue{Code: code, Path: c.path(), Text: fmt.Sprintf(format, args...)})
}

// failAt notes what is wrong with a member of where the checker stands.
func (c *checker) failAt(name string, code Code, format string, args ...any) {
	c.enter(name)
	c.fail(code, format, args...)
	c.leave()
}

// place says where an object stands, as far as it matters for what may be in it.
type place uint8

const (
	anywhere    place = iota
	outermost         // the body itself
	contained         // a resource in another one's contained
	besideValue       // the id and the extensions of a primitive that has a value
)

// resource checks a whole resource.
func (c *checker) resource(n fhirjson.Element, where place) {
	if n.Kind() != fhirjson.Object {
		c.fail(CodeStructure, "want a resource, which is an object")
		return
	}
	typ := n.Member("resourceType")
	if typ == fhirjson.None {
		c.failAt("resourceType", CodeRequired, "name the type of the resource")
		return
	}
	d := c.table.of(typ.Bytes())
	if d == nil || d.kind != resourceType {
		if where == outermost {
			c.enter("Resource")
			defer c.leave()
		}
		c.failAt("resourceType", CodeValue, "%s is no resource type of FHIR R4", c.quote(typ))
		return
	}
	if where == outermost {
		c.enter(d.name)
		defer c.leave()
	}
	c.object(n, d, where)
}

// object checks the members of an object of a type.
func (c *checker) object(n fhirjson.Element, d *definition, where place) {
	c.table.complete(d)
	var seen [maxSlots / 64]uint64
	var chosen [maxChoices + 1]*property
	members := 0
	for m := n.First(); m != fhirjson.None && !c.full; m = n.Next(m) {
		members++
		name := m.Name()
		bare := name
		if len(name) > 1 && name[0] == '_' {
			bare = name[1:]
		}
		p := d.property(bare)
		switch {
		case p == nil || len(bare) < len(name) && p.of.format == nil:
			if d.kind != resourceType || string(name) != "resourceType" {
				c.unknown(d, name)
			}
			continue
		case p.choice > 0 && chosen[p.choice] != nil && chosen[p.choice] != p:
			c.failAt(p.element, CodeStructure, "%s and %s stand both: only one of a choice can", chosen[p.choice].name, p.name)
			continue
		}
		chosen[p.choice] = p
		seen[p.slot/64] |= 1 << (p.slot % 64)
		c.enter(p.element)
		switch {
		case len(bare) < len(name):
			c.aside(n, m, p)
		case where == contained && p.name == "contained":
			c.fail(CodeInvariant, "a contained resource cannot contain others (dom-2): move them to the outer one")
		default:
			c.member(n, m, p)
		}
		c.leave()
	}
	c.complete(d, seen)
	if where != besideValue || members == 0 {
		c.rules(n, d, members, chosen[1] != nil)
	}
}

// complete checks an object for what is missing.
func (c *checker) complete(d *definition, seen [maxSlots / 64]uint64) {
	for _, r := range d.required {
		if seen[r.slot/64]&(1<<(r.slot%64)) != 0 {
			continue
		}
		if base, isChoice := strings.CutSuffix(r.element, "[x]"); isChoice {
			c.failAt(base, CodeRequired, "it is required: give one of %s", d.choices(base))
		} else {
			c.failAt(r.element, CodeRequired, "it is required")
		}
	}
}

// rules checks the few rules that stand over the members of an object: chosen says
// whether the first choice of its type is there, which of an Extension is its value.
func (c *checker) rules(n fhirjson.Element, d *definition, members int, chosen bool) {
	switch {
	case d.kind == resourceType:
	case members == 0:
		c.fail(CodeStructure, "it is empty: leave the element out")
	case members == 1 && string(n.First().Name()) == "id":
		c.fail(CodeInvariant, "it has an id and nothing else (ele-1): leave the element out")
	case d.name == "Extension":
		nested := n.Member("extension") != fhirjson.None
		if chosen == nested {
			c.fail(CodeInvariant, "an extension has either a value or extensions of its own (ext-1)")
		}
	case d.name == "Identifier":
		c.ssin(n)
	case d.name == "Attachment" && c.attachment != nil:
		c.attachment(n)
	}
}

// unknown notes a member that R4 does not have.
func (c *checker) unknown(d *definition, name []byte) {
	shown := clip(string(name))
	c.failAt(pathName(shown), CodeStructure, "%s has no element %s in FHIR R4: what a profile adds stands in an extension", d.name, shown)
}

// member checks the value or the values of an element.
func (c *checker) member(parent, m fhirjson.Element, p *property) {
	if !p.many {
		if m.Kind() == fhirjson.Array {
			c.fail(CodeStructure, "it stands once at most: give the value without brackets")
			return
		}
		c.value(m, p)
		return
	}
	if m.Kind() != fhirjson.Array {
		c.fail(CodeStructure, "it may stand several times: give an array, also of one value")
		return
	}
	if m.First() == fhirjson.None {
		c.fail(CodeStructure, "the array is empty: leave the element out")
		return
	}
	if p.of.format != nil {
		c.primitives(m, c.sibling(parent, "_"+p.name), p)
		return
	}
	index := 0
	for i := m.First(); i != fhirjson.None && !c.full; i = m.Next(i) {
		c.item(index)
		c.value(i, p)
		c.leave()
		index++
	}
}

// value checks one value.
func (c *checker) value(n fhirjson.Element, p *property) {
	switch {
	case p.of.format != nil:
		c.primitive(n, p)
	case p.of.kind == abstractType && c.shell:
	case p.of.kind == abstractType:
		where := anywhere
		if p.name == "contained" {
			where = contained
		}
		c.resource(n, where)
	case n.Kind() != fhirjson.Object:
		c.fail(CodeStructure, "want an object (%s), not %s", p.of.name, c.quote(n))
	default:
		c.object(n, p.of, anywhere)
		if p.codes != nil {
			c.concept(n, p.codes)
		}
		if p.targets != nil && p.of.name == "Reference" {
			c.target(n, p.targets)
		}
	}
}

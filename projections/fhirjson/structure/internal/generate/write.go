package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// writer writes the table: lines of words, in a form that reads itself.
//
//	codes <number> <code>…              a value set of plain codes
//	concepts <number> <system> <code>…  a value set of codings; a line for each system
//	type <name> <base> <kind>           - for no base
//	<space><name> <min>..<max> <type>,… [<number of a value set>] [><type that a Reference can name>,…]
type writer struct {
	out     io.Writer
	sets    library
	numbers map[string]int // of the value sets that were written, by their kind and URL
	next    int
	notes   []string
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w.out, format+"\n", args...) }

func (w *writer) table(types []definition) {
	slices.SortFunc(types, func(a, b definition) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range types {
		w.bindings(d)
	}
	for _, d := range types {
		w.definition(d)
	}
}

// bindings writes the value sets that a type requires and that are not written yet.
func (w *writer) bindings(d definition) {
	for _, e := range d.Snapshot.Element {
		kind := bound(e)
		if kind == "" {
			continue
		}
		key := kind + " " + e.Binding.ValueSet
		if _, done := w.numbers[key]; done {
			continue
		}
		list, err := w.sets.expand(e.Binding.ValueSet)
		if err != nil {
			w.numbers[key] = -1
			w.notes = append(w.notes, fmt.Sprintf("unchecked: %s of %s: %v", e.Binding.ValueSet, e.Path, err))
			continue
		}
		number := w.next
		w.next++
		w.numbers[key] = number
		if kind == "codes" {
			all := map[string]bool{}
			for _, of := range list {
				for code := range of {
					all[code] = true
				}
			}
			w.line("codes %d %s", number, words(sorted(all)))
			continue
		}
		for _, system := range sorted(list) {
			w.line("concepts %d %s %s", number, system, words(sorted(list[system])))
		}
	}
}

// words joins codes. R4 has none with a space in a required binding.
func words(list []string) string {
	for _, word := range list {
		if word == "" || strings.ContainsAny(word, " \n") {
			panic(fmt.Sprintf("the code %q cannot stand in the table", word))
		}
	}
	return strings.Join(list, " ")
}

// bound says how an element is bound to a list: as a code, as concepts, or not at all.
func bound(e element) string {
	if e.Binding.Strength != "required" || len(e.Type) != 1 {
		return ""
	}
	switch e.Type[0].Code {
	case "code":
		return "codes"
	case "CodeableConcept":
		return "concepts"
	}
	return ""
}

// definition writes a type, and the types that are defined within it under their paths.
func (w *writer) definition(d definition) {
	kind := strings.TrimSuffix(d.Kind, "-type")
	if d.Abstract && kind == "resource" {
		kind = "abstract"
	}
	if kind == "primitive" {
		w.line("type %s Element primitive", d.Name)
		return
	}
	children := map[string][]element{}
	var owners []string
	for _, e := range d.Snapshot.Element {
		if e.Path == d.Name {
			owners = append(owners, e.Path)
			continue
		}
		owner := parent(e.Path)
		if !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
		children[owner] = append(children[owner], e)
	}
	slices.Sort(owners)
	for _, owner := range owners {
		base := d.baseOf(owner)
		k := kind
		if owner != d.Name {
			k = "complex"
		}
		w.line("type %s %s %s", owner, base, k)
		slices.SortFunc(children[owner], func(a, b element) int { return strings.Compare(a.Path, b.Path) })
		for _, e := range children[owner] {
			if !inherited(e, owner) {
				w.property(e)
			}
		}
	}
}

// baseOf names the type whose elements a type has as well.
func (d *definition) baseOf(owner string) string {
	if owner == d.Name {
		if d.BaseDefinition == "" {
			return "-"
		}
		return d.BaseDefinition[strings.LastIndexByte(d.BaseDefinition, '/')+1:]
	}
	for _, e := range d.Snapshot.Element {
		if e.Path == owner {
			return e.Type[0].Code // Element or BackboneElement
		}
	}
	panic("nothing stands at " + owner)
}

// inherited reports whether an element comes from the base of its type as it is.
func inherited(e element, owner string) bool {
	from := e.Base.Path
	return from != "" && from != e.Path && parent(from) != owner
}

func (w *writer) property(e element) {
	name := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
	most := "*"
	if e.Max == "1" {
		most = "1"
	}
	var types []string
	for _, t := range e.Type {
		types = append(types, typeOf(e, t.Code, t.Extension))
	}
	if e.ContentReference != "" {
		types = []string{strings.TrimPrefix(e.ContentReference, "#")}
	}
	line := fmt.Sprintf(" %s %d..%s %s", name, e.Min, most, strings.Join(types, ","))
	if kind := bound(e); kind != "" && w.numbers[kind+" "+e.Binding.ValueSet] >= 0 {
		line += fmt.Sprintf(" %d", w.numbers[kind+" "+e.Binding.ValueSet])
	}
	if targets := targetsOf(e); len(targets) > 0 {
		line += " >" + strings.Join(targets, ",")
	}
	w.line("%s", line)
}

// targetsOf are the types that a Reference can name, sorted; none where it can name any.
func targetsOf(e element) (targets []string) {
	for _, t := range e.Type {
		for _, profile := range t.TargetProfile {
			if t.Code != "Reference" {
				continue // a canonical names no record
			}
			name := profile[strings.LastIndexByte(profile, '/')+1:]
			if name == "Resource" {
				return nil
			}
			targets = append(targets, name)
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// typeOf names the type of an element in the table.
func typeOf(e element, code string, extensions []struct{ URL, ValueURL string }) string {
	switch {
	case e.Path == "Resource.id":
		return "id" // 4.0.1 says string, and its text says id
	case code == "Element" || code == "BackboneElement":
		return e.Path
	case strings.HasPrefix(code, "http://hl7.org/fhirpath/"):
		for _, x := range extensions {
			if strings.HasSuffix(x.URL, "/structuredefinition-fhir-type") {
				return x.ValueURL
			}
		}
		panic("no type of FHIR stands for " + code + " of " + e.Path)
	}
	return code
}

package fhirjson

import (
	"cmp"
	"slices"
	"strings"
)

// Identifier is a business identifier: a national number, a number of the practice.
type Identifier struct{ System, Value string }

// Index is what a record is found by. Words are as Words makes them; each list is
// sorted and holds nothing twice.
type Index struct {
	Names       []string // words of all names: family, given, prefix, suffix, text, alias
	Family      []string // words of family names
	Given       []string // words of given names
	Label       string   // the first name as it is written, family name first: lists are sorted by it
	BirthDate   string   // YYYY, YYYY-MM or YYYY-MM-DD, as written
	Identifiers []Identifier
}

// IndexOf extracts what a record is found by from its own elements, not from those
// within it: a contact's name does not find the patient. Elements of another shape
// than FHIR's are passed over. The only error is a body that cannot be read.
func IndexOf(body []byte) (Index, error) {
	t, err := parse(body)
	if err != nil {
		return Index{}, err
	}
	defer t.free()
	var x Index
	for c := range t.children(root) {
		switch string(t.nameBytes(c)) {
		case "name", "deviceName":
			t.each(c, func(i uint32) { t.indexName(&x, i) })
			if x.Label == "" && t.named(c, "name") {
				x.Label = t.label(c)
			}
		case "alias":
			t.each(c, func(i uint32) { x.Names = addWords(x.Names, t.text(i)) })
		case "birthDate":
			x.BirthDate = t.text(c)
		case "identifier":
			t.each(c, func(i uint32) {
				id := Identifier{System: t.textAt(i, "system"), Value: t.textAt(i, "value")}
				if id.Value != "" {
					x.Identifiers = append(x.Identifiers, id)
				}
			})
		}
	}
	for _, words := range []*[]string{&x.Names, &x.Family, &x.Given} {
		slices.Sort(*words)
		*words = slices.Compact(*words)
	}
	slices.SortFunc(x.Identifiers, func(a, b Identifier) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Value, b.Value))
	})
	x.Identifiers = slices.Compact(x.Identifiers)
	return x, nil
}

// label is the name by which a person looks for a record in a list.
func (t *tree) label(name uint32) string {
	if t.is(name, array) {
		for first := range t.children(name) {
			name = first
			break
		}
	}
	if t.is(name, text) {
		return t.text(name)
	}
	words := []string{t.textAt(name, "family")}
	if given, ok := t.member(name, "given"); ok {
		t.each(given, func(i uint32) { words = append(words, t.text(i)) })
	}
	if full := strings.TrimSpace(strings.Join(words, " ")); full != "" {
		return full
	}
	return t.textAt(name, "text")
}

// indexName adds a HumanName, a Device's name, or a name that is a plain string.
func (t *tree) indexName(x *Index, i uint32) {
	if t.is(i, text) {
		x.Names = addWords(x.Names, t.text(i))
		return
	}
	for c := range t.children(i) {
		switch name := string(t.nameBytes(c)); name {
		case "family", "given", "prefix", "suffix", "text", "name":
			t.each(c, func(i uint32) {
				s := t.text(i)
				x.Names = addWords(x.Names, s)
				switch name {
				case "family":
					x.Family = addWords(x.Family, s)
				case "given":
					x.Given = addWords(x.Given, s)
				}
			})
		}
	}
}

// each calls f with each item of an array, or with the value itself where it is none.
func (t *tree) each(i uint32, f func(uint32)) {
	if !t.is(i, array) {
		f(i)
		return
	}
	for item := range t.children(i) {
		f(item)
	}
}

func addWords(words []string, s string) []string { return append(words, Words(s)...) }

package structure

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the table
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// packed is what internal/generate made of the definitions of R4.
//
//go:embed r4.table.gz
var packed []byte

// kind is what a type is.
type kind uint8

const (
	complexType kind = iota
	primitiveType
	resourceType
	abstractType // Resource and DomainResource: any resource stands for them
)

// definition is a type, or what is defined within one (Patient.contact). Its properties
// are read from its lines when it is needed first: most are in no resource of a day.
type definition struct {
	name   string
	kind   kind
	format *format // of a primitive
	base   string
	lines  string

	whole      atomic.Bool // what follows is there
	properties []property  // by name
	required   []required
}

// property is a member that an object of a type can have. A choice is one property for
// each of its types, which share their slot.
type property struct {
	name    string // in JSON: valueQuantity
	element string // in FHIRPath: value
	of      *definition
	many    bool
	slot    uint8 // of the element, in its type
	choice  uint8 // the number of the choice in its type, from 1; 0: it is none
	codes   *codes
	targets []string // the types that a Reference can name, sorted; nil: any
}

// required is an element that must stand.
type required struct {
	element string // as FHIR writes it: value[x]
	slot    uint8
}

// Bounds of the table, so that what an object has can be noted in place.
const (
	maxSlots   = 128
	maxChoices = 8
)

// codes are the values that a required binding lists, sorted.
type codes struct {
	plain   []string            // of a code
	systems map[string][]string // of a CodeableConcept
}

// definitions are the types and the value sets of R4.
type definitions struct {
	types   map[string]*definition
	sets    map[string]*codes // by the number in the table
	filling sync.Mutex
}

// table is read once, when it is needed first.
var table = sync.OnceValue(load)

// load reads the table that is in the binary; only one that internal/generate did not
// make could let it panic.
func load() *definitions {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("the table of R4: " + err.Error())
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		panic("the table of R4: " + err.Error())
	}
	t := &definitions{types: make(map[string]*definition, 1024), sets: make(map[string]*codes, 256)}
	text := string(raw)
	for len(text) > 0 {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		words := strings.Split(line, " ")
		switch words[0] {
		case "codes":
			t.sets[words[1]] = &codes{plain: words[2:]}
		case "concepts":
			t.concepts(words[1], words[2], words[3:])
		case "type":
			end := elements(text)
			t.add(words[1], words[2], words[3], text[:end])
			text = text[end:]
		default:
			panic("the table of R4 has a line that nobody understands: " + line)
		}
	}
	return t
}

// elements is where the lines of a type end, each of which begins with a space.
func elements(text string) int {
	end := 0
	for end < len(text) && text[end] == ' ' {
		end += strings.IndexByte(text[end:], '\n') + 1
	}
	return end
}

func (t *definitions) concepts(number, system string, list []string) {
	if t.sets[number] == nil {
		t.sets[number] = &codes{systems: map[string][]string{}}
	}
	t.sets[number].systems[system] = list
}

func (t *definitions) add(name, base, kinds, lines string) {
	d := &definition{name: name, base: base, lines: lines, format: formats[name]}
	switch kinds {
	case "primitive":
		d.kind = primitiveType
	case "resource":
		d.kind = resourceType
	case "abstract":
		d.kind = abstractType
	}
	if (d.kind == primitiveType) != (d.format != nil) {
		panic("the table of R4 has a primitive that nobody can read, or a type of its name: " + name)
	}
	t.types[name] = d
}

// of returns a type with its properties; nil where there is none of that name.
func (t *definitions) of(name []byte) *definition {
	d := t.types[string(name)]
	t.complete(d)
	return d
}

// complete sees to it that a type has its properties.
func (t *definitions) complete(d *definition) {
	if d == nil || d.whole.Load() {
		return
	}
	t.filling.Lock()
	defer t.filling.Unlock()
	if !d.whole.Load() {
		t.fill(d)
		d.whole.Store(true)
	}
}

// fill gives a type its own elements and those of its base.
func (t *definitions) fill(d *definition) {
	lines := map[string]string{}
	for from := d; from != nil; from = t.types[from.base] {
		for line := range strings.Lines(from.lines) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if _, own := lines[name]; !own {
				lines[name] = rest
			}
		}
	}
	choices := 0
	for slot, name := range slices.Sorted(maps.Keys(lines)) {
		if strings.HasSuffix(name, "[x]") {
			choices++
		}
		if slot >= maxSlots || choices > maxChoices {
			panic("the table of R4 has more elements than a type may have: " + d.name)
		}
		t.element(d, name, lines[name], uint8(slot), uint8(choices))
	}
	slices.SortFunc(d.properties, func(a, b property) int { return strings.Compare(a.name, b.name) })
}

// element adds what the line of an element says.
func (t *definitions) element(d *definition, name, line string, slot, choice uint8) {
	words := strings.Split(line, " ")
	p := property{name: name, element: name, slot: slot, many: strings.HasSuffix(words[0], "*")}
	for _, word := range words[2:] {
		if targets, ok := strings.CutPrefix(word, ">"); ok {
			p.targets = strings.Split(targets, ",")
		} else {
			p.codes = t.sets[word]
		}
	}
	if words[0][0] != '0' {
		d.required = append(d.required, required{name, slot})
	}
	base, isChoice := strings.CutSuffix(name, "[x]")
	for typ := range strings.SplitSeq(words[1], ",") {
		p.of = t.types[typ]
		if p.of == nil {
			panic(fmt.Sprintf("the table of R4 has no %s, of which %s.%s is", typ, d.name, name))
		}
		if isChoice {
			p.element, p.choice = base, choice
			p.name = base + string(unicode.ToUpper(rune(typ[0]))) + typ[1:]
		}
		d.properties = append(d.properties, p)
	}
}

// property finds a member by its name in JSON.
func (d *definition) property(name []byte) *property {
	low, high := 0, len(d.properties)
	for low < high {
		if middle := (low + high) / 2; d.properties[middle].name < string(name) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(d.properties) && d.properties[low].name == string(name) {
		return &d.properties[low]
	}
	return nil
}

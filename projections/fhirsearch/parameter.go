package fhirsearch

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
)

// Kind is how the values of a parameter are written and compared: FHIR's search-param-type.
type Kind string

// The kinds.
const (
	KindToken     Kind = "token"
	KindDate      Kind = "date"
	KindString    Kind = "string"
	KindReference Kind = "reference"
	KindQuantity  Kind = "quantity"
	KindURI       Kind = "uri"
)

// Parameter is one that the records of a type can be searched by.
type Parameter struct {
	Name   string
	Kind   Kind
	Target string // the only type that a reference is searched for; empty: any
	places []uint16
}

// Names of parameters. The values of the first two come from the desk, not from the resource.
const (
	ParamID          = "_id"
	ParamLastUpdated = "_lastUpdated"
	ParamTag         = "_tag"
	ParamName        = "name"
	paramIdentifier  = "identifier"
)

// Places that no element has.
const (
	placeID uint16 = iota + 1
	placeLastUpdated
	placeDossier
	placeTag    // of the resource, and of the desk
	placeSealed // the content cannot be opened
	firstPlace
)

// place is where in the resources of a type values of one kind stand. Its number is that
// of this version of the table only.
type place struct {
	number uint16
	kind   Kind
	paths  [][]string
	system string // of a code that comes without one
	// dossier says that a reference to the patient of the dossier has no value of its own
	// here, because that of the dossier serves.
	dossier bool
}

// typed is the table for one type.
type typed struct {
	parameters []Parameter // by name
	places     []place
	label      uint16 // place of the name that lists are sorted by; 0: the type has none
}

var (
	types  = make(map[string]*typed)
	others typed // of a type without a dossier that the table does not name
	inside typed // of one with a dossier

	kindOfPlace = map[uint16]Kind{placeTag: KindToken}

	// Version is another one where the table is, or what is made of it: values of another
	// version must be made anew.
	Version int64
)

// codeVersion counts changes of how values are made that no line of the table tells.
const codeVersion = "2"

func init() {
	b := builder{next: firstPlace}
	others = b.build(nil)
	inside = b.build([]string{"patient reference " + dossierOnly + ">Patient", "subject reference " + dossierOnly})
	var name string
	var lines []string
	flush := func() {
		if name != "" {
			t := b.build(lines)
			types[name] = &t
		}
		lines = nil
	}
	for line := range strings.Lines(definitions) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "  "):
			lines = append(lines, strings.TrimSpace(line))
		case line != "":
			flush()
			name = line
		}
	}
	flush()
	for _, name := range strings.Fields(dossierTypes) {
		types[name] = &inside
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(codeVersion + definitions + dossierTypes))
	Version = int64(h.Sum64() >> 1)
}

// dossierOnly is the path of an element that no resource has.
const dossierOnly = "-"

type builder struct{ next uint16 }

// build reads the lines of one type, and adds what all types have.
func (b *builder) build(lines []string) typed {
	t := typed{parameters: []Parameter{
		{Name: ParamID, Kind: KindToken, places: []uint16{placeID}},
		{Name: ParamLastUpdated, Kind: KindDate, places: []uint16{placeLastUpdated}},
	}, places: []place{{number: placeTag, kind: KindToken, paths: [][]string{{"meta", "tag"}}}}}
	t.parameters = append(t.parameters, Parameter{Name: ParamTag, Kind: KindToken, places: []uint16{placeTag}})
	numbers := make(map[string]uint16)
	all := append([]string{"_profile uri meta.profile"}, lines...)
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, paramIdentifier+" ") }) {
		all = append(all, "identifier token identifier")
	}
	for _, line := range all {
		fields := strings.Fields(line)
		p := Parameter{Name: fields[0], Kind: Kind(fields[1])}
		dossier := p.Name == "patient" || p.Name == "subject"
		for _, text := range fields[2:] {
			text, p.Target, _ = strings.Cut(text, ">")
			key := fields[1] + " " + text
			number, known := numbers[key]
			if !known && text != dossierOnly {
				number = b.next
				b.next++
				numbers[key] = number
				t.places = append(t.places, placeOf(number, p.Kind, text))
				kindOfPlace[number] = p.Kind
			}
			if text != dossierOnly {
				p.places = append(p.places, number)
				at := slices.IndexFunc(t.places, func(x place) bool { return x.number == number })
				t.places[at].dossier = t.places[at].dossier || dossier
			}
		}
		if dossier {
			p.places = append(p.places, placeDossier)
		}
		t.parameters = append(t.parameters, p)
	}
	if slices.ContainsFunc(t.parameters, func(p Parameter) bool { return p.Name == ParamName }) {
		t.label = b.next
		b.next++
	}
	slices.SortFunc(t.parameters, func(x, y Parameter) int { return cmp.Compare(x.Name, y.Name) })
	return t
}

func placeOf(number uint16, kind Kind, text string) place {
	x := place{number: number, kind: kind}
	text, x.system, _ = strings.Cut(text, "@")
	for path := range strings.SplitSeq(text, "|") {
		x.paths = append(x.paths, strings.Split(path, "."))
	}
	return x
}

func typeOf(name string) *typed {
	if t := types[name]; t != nil {
		return t
	}
	return &others
}

// Parameters are those of a type, by name.
func Parameters(typ string) []Parameter { return slices.Clone(typeOf(typ).parameters) }

// Lookup finds a parameter of a type.
func Lookup(typ, name string) (Parameter, bool) {
	list := typeOf(typ).parameters
	i, found := slices.BinarySearchFunc(list, name, func(p Parameter, name string) int { return cmp.Compare(p.Name, name) })
	if !found {
		return Parameter{}, false
	}
	return list[i], true
}

// Added reports whether a parameter of a type is an addition of ours, which R4 does not define.
func Added(typ, name string) bool {
	for line := range strings.Lines(additions) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == typ {
			return slices.Contains(fields[1:], name)
		}
	}
	return false
}

// Found reports whether records of a type are found by more than what all records have: by
// what they say, or by whose dossier they are in.
func Found(typ string) bool {
	_, ok := types[typ]
	return ok
}

// InDossier reports whether records of a type belong to a patient's dossier.
func InDossier(typ string) bool {
	_, ok := Lookup(typ, "patient")
	return ok
}

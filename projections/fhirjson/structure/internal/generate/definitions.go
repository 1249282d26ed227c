package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// definition is a StructureDefinition, as far as it matters here.
type definition struct {
	ResourceType, Name, Kind, Derivation, BaseDefinition string
	Abstract                                             bool
	Snapshot                                             struct{ Element []element }
}

// element is an ElementDefinition.
type element struct {
	Path             string
	Min              int
	Max              string
	Base             struct{ Path string }
	ContentReference string
	Type             []struct {
		Code          string
		TargetProfile []string
		Extension     []struct{ URL, ValueURL string }
	}
	Binding struct{ Strength, ValueSet string }
}

// notR4 are definitions of the package that later versions of FHIR have, or that are
// no types at all.
var notR4 = map[string]bool{"SubscriptionStatus": true, "MetadataResource": true}

// readTypes reads the types of R4. The package adds to its profiles what its authors
// need (Meta.project) and what R5 has (EvidenceVariable, ResearchStudy); its data elements are those of HL7
// as they were published. So an element is taken from there where it is there, and
// dropped where neither it nor anything below it is. Two kinds of elements have no data
// element, and their added ones go with what stands above them: those that are
// defined by reference to another, and those whose data element's id would be too long.
func readTypes(folder string) ([]definition, error) {
	published, err := read(folder, "dataelements.json")
	if err != nil {
		return nil, err
	}
	pure := make(map[string]element, len(published))
	within := map[string]bool{} // paths that have something published below them
	for _, d := range published {
		e := d.Snapshot.Element[0]
		if _, ok := pure[e.Path]; ok {
			continue // of a profile on the type
		}
		pure[e.Path] = e
		for path := parent(e.Path); path != ""; path = parent(path) {
			within[path] = true
		}
	}
	var types []definition
	for _, file := range []string{"profiles-types.json", "profiles-resources.json"} {
		all, err := read(folder, file)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			if d.ResourceType != "StructureDefinition" || d.Derivation == "constraint" || notR4[d.Name] {
				continue
			}
			d.purify(pure, within)
			types = append(types, d)
		}
	}
	return types, nil
}

// maxID is how long an id can be; that of a data element is de- and the path.
const maxID = 64

// purify makes of a definition what HL7 published.
func (d *definition) purify(pure map[string]element, within map[string]bool) {
	var kept []element
	have := map[string]bool{"": true}
	for _, e := range d.Snapshot.Element { // what stands above an element comes before it
		if p, ok := pure[e.Path]; ok {
			p.Base = e.Base
			e = p
		} else if !within[e.Path] && !d.inherits(e) && e.ContentReference == "" && len("de-"+e.Path) <= maxID {
			continue
		}
		if e.Path == "EvidenceVariable.characteristic" {
			e.Min = 1 // what is not a data element has no other witness; this was found by comparing
		}
		if have[parent(e.Path)] {
			have[e.Path] = true
			kept = append(kept, e)
		}
	}
	for _, path := range sorted(pure) {
		if !have[path] && strings.HasPrefix(path, d.Name+".") {
			kept = append(kept, pure[path])
		}
	}
	d.Snapshot.Element = kept
}

// inherits reports whether an element comes from the type's base: HL7 publishes no
// data element of those.
func (d *definition) inherits(e element) bool {
	switch e.Path[strings.LastIndexByte(e.Path, '.')+1:] {
	case "id", "extension", "modifierExtension":
		return true
	}
	return e.Path == d.Name || e.Base.Path != "" && e.Base.Path != e.Path
}

func read(folder, file string) ([]definition, error) {
	var bundle struct {
		Entry []struct{ Resource definition }
	}
	if err := readJSON(filepath.Join(folder, file), &bundle); err != nil {
		return nil, err
	}
	all := make([]definition, 0, len(bundle.Entry))
	for _, e := range bundle.Entry {
		all = append(all, e.Resource)
	}
	return all, nil
}

func readJSON(file string, into any) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the definitions: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// parent is the path without its last step; empty for a type.
func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return ""
	}
	return path[:i]
}

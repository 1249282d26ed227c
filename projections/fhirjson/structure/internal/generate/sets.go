package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// concept is one code of a CodeSystem, with those below it.
type concept struct {
	Code    string
	Concept []concept
}

// canonical is a CodeSystem or a ValueSet.
type canonical struct {
	ResourceType, URL, Version, Content string
	Concept                             []concept // of a CodeSystem
	Compose                             struct{ Include, Exclude []include }
}

// include is a part of a ValueSet.
type include struct {
	System   string
	Concept  []concept
	Filter   []struct{ Property, Op, Value string }
	ValueSet []string
}

// library holds the code systems and value sets by their URL.
type library map[string]canonical

func readSets(folder string) (library, error) {
	all := library{}
	for _, file := range []string{"v3-codesystems.json", "v2-tables.json", "valuesets.json"} {
		var bundle struct {
			Entry []struct{ Resource canonical }
		}
		if err := readJSON(filepath.Join(folder, file), &bundle); err != nil {
			return nil, err
		}
		for _, e := range bundle.Entry {
			// Where a URL stands twice, the one of FHIR itself counts: it comes last.
			all[e.Resource.ResourceType+" "+e.Resource.URL] = e.Resource
		}
	}
	return all, nil
}

// codes is what a value set holds: codes by their system.
type codes map[string]map[string]bool

func (c codes) add(system, code string) {
	if c[system] == nil {
		c[system] = map[string]bool{}
	}
	c[system][code] = true
}

// expand lists a value set. The error says why no list can hold it.
func (l library) expand(url string) (codes, error) {
	url, _, _ = strings.Cut(url, "|")
	set, ok := l["ValueSet "+url]
	if !ok {
		return nil, fmt.Errorf("its definition is not there")
	}
	out := codes{}
	for _, part := range set.Compose.Include {
		if err := l.include(out, part); err != nil {
			return nil, err
		}
	}
	for _, part := range set.Compose.Exclude {
		excluded := codes{}
		if err := l.include(excluded, part); err != nil {
			return nil, err
		}
		for system, list := range excluded {
			maps.DeleteFunc(out[system], func(code string, _ bool) bool { return list[code] })
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	return out, nil
}

func (l library) include(out codes, part include) error {
	for _, url := range part.ValueSet {
		inner, err := l.expand(url)
		if err != nil {
			return err
		}
		for system, list := range inner {
			for code := range list {
				out.add(system, code)
			}
		}
	}
	switch {
	case part.System == "":
		return nil
	case len(part.Concept) > 0:
		for _, c := range part.Concept {
			out.add(part.System, c.Code)
		}
		return nil
	}
	system, ok := l["CodeSystem "+part.System]
	if !ok || len(system.Concept) == 0 {
		return fmt.Errorf("the code system %s is not listed", part.System)
	}
	within := system.Concept
	for _, f := range part.Filter {
		if f.Property != "concept" || f.Op != "is-a" {
			return fmt.Errorf("the filter %s %s is not understood", f.Property, f.Op)
		}
		within = below(within, f.Value)
	}
	each(within, func(code string) { out.add(part.System, code) })
	return nil
}

// below finds a concept, with all that stand below it.
func below(list []concept, code string) []concept {
	for _, c := range list {
		if c.Code == code {
			return []concept{c}
		}
		if found := below(c.Concept, code); found != nil {
			return found
		}
	}
	return nil
}

func each(list []concept, f func(code string)) {
	for _, c := range list {
		f(c.Code)
		each(c.Concept, f)
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

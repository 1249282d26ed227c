package fhirsearch

import (
	"maps"
	"slices"
	"strings"
)

// Types are those that the table names.
func Types() []string { return slices.Sorted(maps.Keys(types)) }

// InDossierAlone reports whether records of a type are found by their dossier alone.
func InDossierAlone(typ string) bool { return types[typ] == &inside }

// Paths are the places of a parameter in a resource, as the table writes them.
func Paths(typ, name string) (list []string) {
	p, _ := Lookup(typ, name)
	for _, x := range typeOf(typ).places {
		if slices.Contains(p.places, x.number) {
			for _, path := range x.paths {
				list = append(list, strings.Join(path, "."))
			}
		}
	}
	return list
}

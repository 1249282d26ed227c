package fhirsearch

import (
	"slices"

	"github.com/carelog/carelog/projections/fhirjson"
)

// References are the records, as Type/id, that a resource refers to where a parameter
// looks, each once and in their order; of one type only where target is not empty.
func References(typ string, p Parameter, target string, body []byte) (list []string) {
	_ = fhirjson.Visit(body, func(resource fhirjson.Element) { // what cannot be read refers to nothing
		for _, at := range typeOf(typ).places {
			if !slices.Contains(p.places, at.number) {
				continue
			}
			for _, path := range at.paths {
				resource.Each(path, func(e fhirjson.Element) {
					t, ok := referenceOf(e.Text("reference"))
					if !ok || t.system == "" || p.Target != "" && t.system != p.Target || target != "" && t.system != target {
						return
					}
					if name := t.system + "/" + t.code; !slices.Contains(list, name) {
						list = append(list, name)
					}
				})
			}
		}
	})
	return list
}

// PointsAt reports whether a parameter refers to records of a type.
func (p Parameter) PointsAt(typ string) bool {
	return p.Kind == KindReference && (p.Target == typ || p.Target == "" && types[typ] != nil && types[typ] != &inside)
}

package structure

import "slices"

// Types returns the names of all resource types of R4, sorted: what can stand under
// the name resourceType. The caller owns the list.
func Types() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, d := range table().types {
			if d.kind == resourceType && !yield(name) {
				return
			}
		}
	})
}

// IsType reports whether R4 has a resource type of that name.
func IsType(name string) bool {
	d, ok := table().types[name]
	return ok && d.kind == resourceType
}

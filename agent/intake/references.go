package intake

import (
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// rewrite returns a copy of a resource in which references to entries of the bundle
// name their type and id, with every other byte as it was, and counts the references
// that are conditional and those that lead nowhere.
func (x *index) rewrite(body []byte) (rewritten []byte, conditional, dangling int) {
	rewritten = fhirjson.RewriteLinks(body, func(name, value string) (string, bool) {
		if name != "reference" && !strings.HasPrefix(value, "urn:") {
			return "", false // the url of a definition is its name, and not where its entry stands
		}
		target, ok := x.target(value)
		if !ok {
			conditional, dangling = count(name, value, conditional, dangling)
		}
		return target, ok
	})
	return rewritten, conditional, dangling
}

// countReferences counts as rewrite does, where there is no bundle.
func countReferences(body []byte) (conditional, dangling int) {
	fhirjson.EachLink(body, func(name, value string) {
		conditional, dangling = count(name, value, conditional, dangling)
	})
	return conditional, dangling
}

func count(name, value string, conditional, dangling int) (int, int) {
	if name != "reference" {
		return conditional, dangling
	}
	if before, _, ok := strings.Cut(value, "?"); ok && resourceType(before) {
		conditional++
	}
	if strings.HasPrefix(value, "urn:") {
		dangling++
	}
	return conditional, dangling
}

// eachReference calls f with every literal reference.
func eachReference(body []byte, f func(reference string)) {
	fhirjson.EachLink(body, func(name, value string) {
		if name == "reference" {
			f(value)
		}
	})
}

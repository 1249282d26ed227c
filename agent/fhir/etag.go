package fhir

import (
	"net/http"
	"strings"

	"github.com/carelog/carelog/events"
)

// etag is the version as HTTP writes it.
func etag(id events.ID) string { return `W/"` + id.String() + `"` }

// condition is what an If-Match or If-None-Match header asks for.
type condition struct {
	given bool
	any   bool // "*"
	ids   []events.ID
	alien bool // it names a version that is none of ours
}

// parseCondition reads a list of ETags, or "*". Weak and strong ones are the same to
// us, since a version's content never changes.
func parseCondition(r *http.Request, name string) (condition, error) {
	text := strings.TrimSpace(strings.Join(r.Header.Values(name), ","))
	if text == "" {
		return condition{}, nil
	}
	c := condition{given: true}
	if text == "*" {
		c.any = true
		return c, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		tag := strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			return condition{}, badRequest("value", `%s is %q: want W/"<versionId>", or several with commas between them`, name, text)
		}
		id, err := events.ParseID(tag[1 : len(tag)-1])
		if err != nil {
			c.alien = true
			continue
		}
		c.ids = append(c.ids, id)
	}
	if len(c.ids) > events.MaxParents {
		return condition{}, badRequest("too-costly", "%s names %d versions: at most %d", name, len(c.ids), events.MaxParents)
	}
	return c, nil
}

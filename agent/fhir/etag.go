package fhir

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/carelog/carelog/agent"
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
	values := r.Header.Values(name)
	if len(values) == 0 {
		return condition{}, nil
	}
	text := strings.TrimSpace(strings.Join(values, ","))
	if text == "" {
		return condition{}, saysNothing(name)
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

// another refuses a read of one version where If-Match names others (RFC 9110, 13.1.1); heads are what stands.
func another(r *http.Request, record events.Record, read events.ID, heads ...events.ID) error {
	match, err := parseCondition(r, "If-Match")
	if err != nil || !match.given || match.any || slices.Contains(match.ids, read) {
		return err
	}
	p := staleProblem(&agent.StaleError{Record: record, Heads: heads})
	p.text = fmt.Sprintf("%s is read in its version %s, and If-Match names another: leave If-Match out, or read that version in %s/_history", record, read, record)
	return p
}

// unversioned refuses a read of what is no record and has no ETag where If-Match names one.
func unversioned(r *http.Request) error {
	match, err := parseCondition(r, "If-Match")
	if err != nil || !match.given || match.any {
		return err
	}
	return problemf(http.StatusPreconditionFailed, "conflict", "If-Match names a version, and what is read here has none: leave If-Match out")
}

// saysNothing refuses a condition that is there and empty: who sends one does not want the
// change without it.
func saysNothing(name string) *problem {
	return badRequest("value", "%s is empty: say what it is to be, or leave it out", name)
}

// once are the headers that say one thing: of two of a kind only one could be heeded, and the
// other may be the one that was meant.
var once = []string{"If-None-Exist", "If-Modified-Since", "If-Unmodified-Since", securityHeader}

// misplaced refuses a condition that has no meaning for the method of a request, and one that
// is given twice.
func misplaced(r *http.Request) *problem {
	for _, name := range once {
		if n := len(r.Header.Values(name)); n > 1 {
			return badRequest("value", "%s is given %d times: once is supported", name, n)
		}
	}
	for name, meant := range map[string]bool{
		"If-None-Exist": r.Method == http.MethodPost,
		"If-Match":      r.Method != http.MethodPost,
		"If-None-Match": r.Method != http.MethodPatch && r.Method != http.MethodDelete,
	} {
		if len(r.Header.Values(name)) > 0 && !meant {
			return badRequest("value", "%s is no condition of %s: leave it out", name, r.Method)
		}
	}
	return nil
}

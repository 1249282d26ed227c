package audit

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Version is an event of a record, and what it made of it.
type Version struct {
	events.Stored
	Event    *events.Event
	Body     []byte   // the resource, byte for byte; nil for a deletion and where Closed says why
	Closed   string   // why the body does not open; empty where it does
	Standing Standing // NotJudged where there were no keys
}

// Deleted reports whether the version is a deletion.
func (v Version) Deleted() bool { return v.Event.Type == events.Deleted }

// graph is the rule of the design, on its own: a head is a version that no other
// names as parent, whatever the order in which they come. It keeps the heads and the
// ids of all others.
type graph struct {
	named map[events.ID]bool
	heads map[events.ID]Version
	count int // versions, repeats included
}

func newGraph() *graph {
	return &graph{named: make(map[events.ID]bool), heads: make(map[events.ID]Version)}
}

// add takes in a version. Of one that comes again, the first stays.
func (g *graph) add(v Version) {
	g.count++
	if _, here := g.heads[v.Event.ID]; !here && !g.named[v.Event.ID] {
		g.heads[v.Event.ID] = v
	}
	for _, p := range v.Event.Parents {
		g.named[p] = true
		delete(g.heads, p)
	}
}

// sorted returns the heads, the one shown as current first: live before deleted,
// readable before closed, then in the order of the log.
func (g *graph) sorted() []Version {
	heads := make([]Version, 0, len(g.heads))
	for _, v := range g.heads {
		heads = append(heads, v)
	}
	slices.SortFunc(heads, func(a, b Version) int {
		return cmp.Or(
			compareFalseFirst(a.Deleted(), b.Deleted()),
			compareFalseFirst(a.Closed != "", b.Closed != ""),
			cmp.Compare(a.Sequence, b.Sequence),
			a.Event.ID.Compare(b.Event.ID),
		)
	})
	return heads
}

// conflicting reports whether two of the heads differ in content. Deletions equal
// each other; what cannot be read equals nothing.
func conflicting(heads []Version) bool {
	if len(heads) < 2 {
		return false
	}
	first, ok := contentOf(heads[0])
	if !ok {
		return true
	}
	for _, v := range heads[1:] {
		if content, ok := contentOf(v); !ok || content != first {
			return true
		}
	}
	return false
}

// contentOf stands for what a version says; a deletion has the zero digest. What is
// no FHIR is compared by its bytes.
func contentOf(v Version) (events.Digest, bool) {
	if v.Deleted() {
		return events.Digest{}, true
	}
	if v.Closed != "" {
		return events.Digest{}, false
	}
	d, err := fhirjson.Digest(v.Body)
	if err != nil {
		d = sha256.Sum256(append([]byte("carelog bytes v1\n"), v.Body...))
	}
	return d, true
}

func compareFalseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

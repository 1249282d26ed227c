package audit

import (
	"cmp"
	"slices"

	"github.com/carelog/carelog/events"
)

// maxWaiting bounds the events that are kept because a parent has not come yet. A
// sound log has none: over the bound the parent counts as missing at once.
const maxWaiting = 1 << 16

// parents checks that every parent is in the log and of the same record and dossier.
type parents struct {
	seen    *seen
	waiting map[events.ID][]waiting // by the parent that has not come
	count   int
}

type waiting struct {
	place place
	about uint64
}

func newParents(s *seen) *parents {
	return &parents{seen: s, waiting: make(map[events.ID][]waiting)}
}

// add checks the parents of an event, and the children that waited for it.
func (p *parents) add(at place, e *events.Event, about uint64, report func(Finding)) {
	for _, id := range e.Parents {
		switch parent := p.seen.find(id); {
		case parent != nil && parent.about != about:
			report(at.finding(ParentOther, "its parent %s is of another record or dossier", id))
		case parent != nil:
		case p.count >= maxWaiting:
			report(at.finding(ParentMissing, "its parent %s is not in the log before it, and too many others are missing to wait for it", id))
		default:
			p.waiting[id] = append(p.waiting[id], waiting{at, about})
			p.count++
		}
	}
	for _, w := range p.waiting[e.ID] {
		report(w.place.finding(ParentLate, "its parent %s came after it, at %d", e.ID, at.sequence))
		if w.about != about {
			report(w.place.finding(ParentOther, "its parent %s is of another record or dossier", e.ID))
		}
		p.count--
	}
	delete(p.waiting, e.ID)
}

// finish reports, in the order of the log, the parents that never came.
func (p *parents) finish(report func(Finding)) {
	var list []Finding
	for id, children := range p.waiting {
		for _, w := range children {
			list = append(list, w.place.finding(ParentMissing, "its parent %s is not in the log", id))
		}
	}
	slices.SortFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Text, b.Text))
	})
	for _, f := range list {
		report(f)
	}
}

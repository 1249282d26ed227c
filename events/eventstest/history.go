package eventstest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/carelog/carelog/events"
)

// History pushes n random changes of a few records by the given devices: plain
// updates, branches from older versions, deletions, and resolutions of some or all
// heads. Bodies repeat, so that some heads are equal. Every parent named is in the
// log before its child.
func (p *Practice) History(r *rand.Rand, n int, devices ...*Device) {
	p.tb.Helper()
	records := 1 + n/12
	seen := make(map[string][]events.ID, records)
	for range n {
		at := r.IntN(records)
		patient := fmt.Sprintf("pat-%d", at%3)
		record := fmt.Sprintf("Condition/c%d", at)
		d := devices[r.IntN(len(devices))]
		e := d.random(r, record, patient, seen[record])
		p.Push(e)
		seen[record] = append(seen[record], e.ID)
	}
}

// random makes one change of a record whose versions so far are seen.
func (d *Device) random(r *rand.Rand, record, patient string, seen []events.ID) *events.Event {
	var parents []events.ID
	switch r.IntN(6) {
	case 0: // a first registration, also where there is one
	case 1, 2: // from any version there ever was
		if len(seen) > 0 {
			parents = []events.ID{seen[r.IntN(len(seen))]}
		}
	case 3: // of several
		for _, id := range seen {
			if r.IntN(2) == 0 {
				parents = append(parents, id)
			}
		}
	default: // from the newest
		parents = slices.Clone(seen[max(0, len(seen)-1):])
	}
	if r.IntN(5) == 0 {
		return d.Make(Change{Type: events.Deleted, Record: record, Patient: patient, Parents: parents})
	}
	note := fmt.Sprint("note ", r.IntN(4))
	return d.Make(Change{Record: record, Patient: patient, Body: Resource(record, patient, note), Parents: parents})
}

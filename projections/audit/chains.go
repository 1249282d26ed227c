package audit

import (
	"hash/maphash"
	"maps"
	"slices"
	"sort"

	"github.com/carelog/carelog/events"
)

// maxRuns bounds the pieces of one device's chain that are kept apart because what
// lies between has not come yet. A sound log has one piece.
const maxRuns = 1 << 10

// chains checks that what every device made stands in the log once, without a gap
// and without a fork. It keeps 8 bytes an event, which tell whether two events with
// one place on a chain are an event and its own stub, or a fork.
type chains struct {
	seed    maphash.Seed
	devices map[string]*chain
}

// chain is one device's: runs of counters that follow each other, sorted, apart.
// Neighbouring runs that have come to touch stay two, and are one to all that matters.
type chain struct{ runs []*run }

type run struct {
	first    uint64        // counter of its first event
	at       place         // of its first event
	previous events.Digest // that its first event names
	links    []uint64      // keyed hash of the link of each event
	last     events.Digest // link of its last event
}

// end is the counter after the run's last event.
func (r *run) end() uint64 { return r.first + uint64(len(r.links)) }

func newChains() *chains {
	return &chains{seed: maphash.MakeSeed(), devices: make(map[string]*chain)}
}

// add puts an event in its place on its device's chain. link is the event's own Link.
func (c *chains) add(at place, e *events.Event, link events.Digest, report func(Finding)) {
	dev := c.devices[e.Device]
	if dev == nil {
		dev = &chain{}
		c.devices[e.Device] = dev
	}
	if e.Chain.Counter == 1 && !isFirst(e) {
		report(at.finding(ChainStart, "the first event of device %s is not its Device record", e.Device))
	}
	key := maphash.Bytes(c.seed, link[:])
	// after is the first run that begins behind the event; before is the one it may stand in.
	after := sort.Search(len(dev.runs), func(i int) bool { return dev.runs[i].first > e.Chain.Counter })
	var before *run
	if after > 0 {
		before = dev.runs[after-1]
	}
	switch {
	case before != nil && e.Chain.Counter < before.end():
		c.taken(at, e, before.links[e.Chain.Counter-before.first] == key, report)
		return
	case before != nil && e.Chain.Counter == before.end():
		if e.Chain.Previous != before.last {
			report(at.finding(ChainBroken, "as number %d of device %s it names %s before it, and that is not the event there", e.Chain.Counter, e.Device, e.Chain.Previous))
		}
		before.links = append(before.links, key)
		before.last = link
	case len(dev.runs) >= maxRuns:
		report(at.finding(ChainGap, "number %d of device %s comes with too many gaps before it to keep count", e.Chain.Counter, e.Device))
		return
	default:
		dev.runs = slices.Insert(dev.runs, after, &run{
			first: e.Chain.Counter, at: at, previous: e.Chain.Previous, links: []uint64{key}, last: link,
		})
		after++
	}
	if after < len(dev.runs) {
		next := dev.runs[after]
		report(at.finding(ChainOrder, "number %d of device %s came after number %d", e.Chain.Counter, e.Device, next.first))
		if next.first == e.Chain.Counter+1 && next.previous != link {
			report(next.at.finding(ChainBroken, "as number %d of device %s it names %s before it, and that is not the event there", next.first, e.Device, next.previous))
		}
	}
}

// taken reports on a second event at one place of a chain.
func (c *chains) taken(at place, e *events.Event, same bool, report func(Finding)) {
	if same {
		report(at.finding(SetAsideHere, "number %d of device %s was set aside, and is in the log after all", e.Chain.Counter, e.Device))
		return
	}
	report(at.finding(ChainFork, "device %s made two events with number %d: its disk came back from a backup, or its key is in other hands", e.Device, e.Chain.Counter))
}

// finish reports the gaps that nothing has filled.
func (c *chains) finish(report func(Finding)) {
	for _, name := range slices.Sorted(maps.Keys(c.devices)) {
		want := uint64(1)
		for _, r := range c.devices[name].runs {
			if r.first != want {
				report(r.at.finding(ChainGap, "numbers %d to %d of device %s are not in the log", want, r.first-1, name))
			}
			want = r.end()
		}
	}
}

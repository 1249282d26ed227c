package replica

import (
	"context"
	"maps"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// LeftOut is what stands in the log and is not shown here, though it may be somebody's work; and what is shown though it
// may be nobody's.
type LeftOut struct {
	// Unvouched is how many events stand in the name of each device that nobody certified and that
	// nobody revoked: they are no version of any record until the device's certificate comes.
	Unvouched map[string]int
	// Unreached are the events of each revoked device that are in doubt though nothing tells that they were not
	// sent before the revocation: something that would tell is missing in the device's chain.
	Unreached map[string][]events.ID
	// Late are the events of each revoked device that count, and stand before a revocation of it, though they
	// were sent after that was made: the end of the chain that it names is before them.
	Late map[string][]events.ID
	// Newer is how many events are of a type that is not known here, but for those of revoked devices.
	Newer int
	// Judging says that events are being judged again, since more became known of their devices.
	Judging bool
}

// LeftOut counts what is left out. It costs nothing while nothing changes.
func (r *Replica) LeftOut(ctx context.Context) (LeftOut, error) {
	r.trusting.Lock()
	known, version := r.left, r.altered
	judging := r.busy != "" || len(r.trust.wanted) > 0
	for device := range r.trust.stirred {
		judging = judging || r.trust.known[device] != nil
	}
	r.trusting.Unlock()
	if known != nil {
		left := *known
		left.Judging = judging
		return left, nil
	}
	left, err := r.countLeftOut(ctx)
	if err != nil {
		return LeftOut{}, err
	}
	r.trusting.Lock()
	defer r.trusting.Unlock()
	if r.altered == version {
		r.left = &left
	}
	left.Judging = judging
	return left, nil
}

func (r *Replica) countLeftOut(ctx context.Context) (left LeftOut, err error) {
	var byDoubt [3]map[string]int
	for i, doubt := range []projections.Doubt{projections.DoubtSignature, projections.DoubtUnknownType, projections.DoubtRevoked} {
		if byDoubt[i], err = r.config.Store.Doubted(ctx, doubt); err != nil {
			return LeftOut{}, err
		}
	}
	unsigned, newer, doubted := byDoubt[0], byDoubt[1], byDoubt[2]
	left = LeftOut{Unvouched: unsigned, Unreached: make(map[string][]events.ID), Late: make(map[string][]events.ID)}
	r.trusting.Lock()
	maps.DeleteFunc(unsigned, func(device string, _ int) bool { return r.trust.known[device] != nil || r.trust.revoked(device) })
	for device, n := range newer {
		if !r.trust.revoked(device) {
			left.Newer += n
		}
	}
	revoked, ended := r.trust.shut, r.trust.ended // neither is ever changed, but replaced
	r.trusting.Unlock()
	for device := range doubted {
		ids, err := r.config.Store.Unreached(ctx, device, revoked[device].end())
		if err != nil {
			return LeftOut{}, err
		}
		if len(ids) > 0 {
			left.Unreached[device] = ids
		}
	}
	for device, list := range ended {
		for _, shut := range list {
			late, err := r.config.Store.Late(ctx, device, shut.at, shut.end())
			if err != nil {
				return LeftOut{}, err
			}
			if len(late) > len(left.Late[device]) {
				left.Late[device] = late
			}
		}
	}
	return left, nil
}

// alter notes that what is left out may be something else now.
func (r *Replica) alter() {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	r.left = nil
	r.altered++
}

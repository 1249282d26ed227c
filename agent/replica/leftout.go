package replica

import (
	"context"
	"maps"

	"github.com/carelog/carelog/projections"
)

// LeftOut is what stands in the log and is not shown here, though it may be somebody's work.
type LeftOut struct {
	// Unvouched is how many events stand in the name of each device that nobody certified and that
	// nobody revoked: they are no version of any record until the device's certificate comes.
	Unvouched map[string]int
	// Newer is how many events are of a type that is not known here, but for those of revoked devices.
	Newer int
	// Judging says that events are being judged again, since more became known of their devices.
	Judging bool
}

// LeftOut counts what is left out. It costs nothing while nothing changes.
func (r *Replica) LeftOut(ctx context.Context) (LeftOut, error) {
	r.trusting.Lock()
	left, version := r.left, r.altered
	judging := r.busy != ""
	for device := range r.trust.stirred {
		judging = judging || r.trust.known[device] != nil
	}
	r.trusting.Unlock()
	if left != nil {
		return LeftOut{left.Unvouched, left.Newer, judging}, nil
	}
	unsigned, err := r.config.Store.Doubted(ctx, projections.DoubtSignature)
	if err != nil {
		return LeftOut{}, err
	}
	newer, err := r.config.Store.Doubted(ctx, projections.DoubtUnknownType)
	if err != nil {
		return LeftOut{}, err
	}
	left = &LeftOut{Unvouched: unsigned}
	r.trusting.Lock()
	defer r.trusting.Unlock()
	maps.DeleteFunc(unsigned, func(device string, _ int) bool { return r.trust.known[device] != nil || r.trust.revoked(device) })
	for device, n := range newer {
		if !r.trust.revoked(device) {
			left.Newer += n
		}
	}
	if r.altered == version {
		r.left = left
	}
	return LeftOut{left.Unvouched, left.Newer, judging}, nil
}

// alter notes that what is left out may be something else now.
func (r *Replica) alter() {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	r.left = nil
	r.altered++
}

package replica

import (
	"context"
	"math"

	"github.com/carelog/carelog/projections"
)

// Missing is how many changes of each device somebody sent and nobody has here, by the numbers of the device's
// chain: once all is read that the server has, it has lost them. Of a revoked device those count that the revocation lets stand,
// since whoever has its key can skip numbers at will; none where it does not say. What a device sent last, and
// the server lost, is not among them: no number tells of it.
func (r *Replica) Missing(ctx context.Context) (map[string]int, error) {
	return r.config.Store.Missing(ctx, r.lookedAt())
}

// MissingNumbers are the numbers of one device that Missing counts.
func (r *Replica) MissingNumbers(ctx context.Context, device string) ([]projections.Span, error) {
	return r.config.Store.MissingNumbers(ctx, device, r.lookedAt()(device))
}

// lookedAt says below which number of each device's chain something can be missing.
func (r *Replica) lookedAt() func(device string) uint64 {
	r.trusting.Lock()
	defer r.trusting.Unlock()
	known, shut := r.trust.known, r.trust.shut // neither is ever changed, but replaced
	return func(device string) uint64 {
		switch r := shut[device]; {
		case r.at != 0:
			return r.end()
		case known[device] == nil:
			return 0 // nothing of it counts until its certificate comes, which is said
		}
		return math.MaxUint64
	}
}

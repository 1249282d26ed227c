package replica

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/events"
)

// lostBehind looks whether the server has lost messages that stand behind the end of its log: at
// our position, and farther ahead, all may be as it was. From a log nothing is ever removed, so
// more gaps there than here are a loss; the gaps of what was given back at the end
// stay for ever, and are the same on both sides. While the position is before the end, it
// cannot be told on which side of it a gap is: that is found when all is read, and then holds
// until the log is read again.
func (r *Replica) lostBehind(ctx context.Context, state events.LogState, position events.Position) (Loss, error) {
	lost := lostWithin(state)
	r.mu.Lock()
	known, missed := r.gaps, r.missed
	r.mu.Unlock()
	if missed != "" {
		return missed, nil
	}
	if lost <= known || position.Sequence < state.Last {
		return "", nil
	}
	here, err := r.config.Store.CountPlaces(ctx, position.Sequence)
	if err != nil {
		return "", err
	}
	gaps := position.Sequence - min(here, position.Sequence)
	if lost > gaps {
		missed = Loss(fmt.Sprintf("it has lost %d events that were read here", lost-gaps))
		r.mu.Lock()
		r.missed = missed
		r.mu.Unlock()
		return missed, nil
	}
	r.noteGaps(gaps)
	return "", nil
}

// lostWithin is how many messages are gone before the last one that is there; the end of the
// log tells of those after it.
func lostWithin(state events.LogState) uint64 {
	return state.Lost - min(state.Lost, state.Counted-min(state.Counted, state.Last))
}

// noteGaps notes of how many gaps of the server's log it is known that this copy has them, too.
func (r *Replica) noteGaps(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps, r.missed = n, ""
}

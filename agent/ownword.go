package agent

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/carelog/carelog/events"
)

// WarnEndLost is the warning that this desk had read something of the log that neither it nor the
// server has now. It is said for as long as warnRestored, for the same reason.
const WarnEndLost = "log-end-lost"

// hearOwn holds against the log what this device had said of where it stands before this session,
// as soon as that can be told: nothing newer is said before. The light does not stand on it, since both
// sides have the same; but where both came back from older copies, nothing else tells that there was more.
func (s *session) hearOwn(ctx context.Context, stated []events.SignedPosition, last uint64) error {
	if s.heard {
		return nil
	}
	a := s.agent
	position, stream, _ := a.replica.Position()
	i := slices.IndexFunc(stated, func(p events.SignedPosition) bool {
		return p.Device == a.config.Enrolment.Device && p.Stream == stream && p.Verify(a.key.Public().(ed25519.PublicKey)) == nil
	})
	if i < 0 {
		s.heard = true
		return nil
	}
	word := stated[i]
	if word.Sequence > last { // a leader that lags says less once
		state, err := s.log.State(ctx)
		if err != nil {
			return err
		}
		last = state.Last
	}
	if word.Sequence > position.Sequence && word.Sequence <= last {
		return nil // that place is still to be read
	}
	hash, here, err := a.store.HashAt(ctx, word.Sequence)
	if err != nil {
		return fmt.Errorf("compare the log with what this device had said of it: %w", err)
	}
	s.heard = true
	if word.Sequence > last || here && hash != word.Hash {
		a.clearWarning(WarnEndLost)
		a.warn(WarnEndLost, "This PC had read the server's log up to %d, and what stood there is neither on this PC nor on the server now: both were put back from older copies, or have lost the same. What was registered in the practice in the meantime may be lost. Start all PCs of the practice: what one of them still has is given back. Compare what was entered last with what is shown.", word.Sequence)
	}
	return nil
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

const (
	warnLostKeys      = "keys-lost"
	warnKeysUncounted = "keys-uncounted"
)

// keepKeys finds out whether the server has lost keys, and gives them back; heal says that it
// is known to have lost something. With nothing amiss it asks one small question, and nothing
// more while the answer is the same.
func (s *session) keepKeys(ctx context.Context, heal bool) error {
	state, err := s.log.KeyState(ctx)
	var refused *events.RefusedError
	switch {
	case errors.As(err, &refused):
		s.agent.warn(warnKeysUncounted, "The server does not let this PC count the keys of patients (%s): that it loses some would not be noticed. Have whoever runs it run `carelog practice provision`.", refused.Reason)
		if heal {
			return s.giveNeededKeys(ctx)
		}
		return nil
	case err != nil:
		return err
	}
	s.agent.clearWarning(warnKeysUncounted)
	if !heal {
		if s.keyed && sameKeys(state, s.keyState) {
			return nil
		}
		if heal, state, err = s.lostKeys(ctx, state); err != nil {
			return err
		}
	}
	if heal {
		err = s.giveLostKeys(ctx, state)
	}
	if err == nil {
		err = s.agent.replica.KeysThere(ctx, state)
	}
	if err == nil {
		s.keyState, s.keyed = state, true
		s.agent.clearWarning(warnLostKeys)
	}
	return err
}

func sameKeys(a, b events.KeyState) bool {
	return a.Counted == b.Counted && a.Held == b.Held && slices.Equal(a.Erased, b.Erased)
}

// lostKeys reports whether the server lacks keys that it had, and in which state its bucket was
// then. What is written meanwhile looks so as well, and shows in the next state.
func (s *session) lostKeys(ctx context.Context, state events.KeyState) (bool, events.KeyState, error) {
	const tries = 5 // then all is compared, which is never wrong
	for try := 1; ; try++ {
		count, err := s.agent.replica.CountKeys(ctx, s.log, state)
		if err != nil {
			return false, state, err
		}
		made, err := s.agent.outbox.Keys(ctx) // after the count: one that is not there any more has arrived
		if err != nil || !lacksKeys(state, count, len(made)) {
			return false, state, err
		}
		was := state
		if state, err = s.log.KeyState(ctx); err != nil || sameKeys(was, state) || try == tries {
			return true, state, err
		}
	}
}

// lacksKeys reports whether a bucket in a state lacks keys that are here, of which so many it
// may not have been given yet; or one more of its own than when it was last known to have all.
func lacksKeys(state events.KeyState, count projections.KeyCount, notGiven int) bool {
	return uint64(max(count.Here-notGiven, 0)) > state.Held || count.Seen && count.Gone != state.Gone()
}

// giveLostKeys gives the server back the keys that are here and not there.
func (s *session) giveLostKeys(ctx context.Context, state events.KeyState) error {
	lacked, err := s.lackedKeys(ctx, state)
	if err != nil {
		return err
	}
	return s.giveBack(ctx, lacked)
}

// giveNeededKeys gives a server that does not say which keys were erased only those back by which
// changes are sealed that it does not have. The others wait until it says so.
func (s *session) giveNeededKeys(ctx context.Context) error {
	lacked, err := s.lackedKeys(ctx, events.KeyState{})
	if err != nil || len(lacked) == 0 {
		return err
	}
	needed, err := s.neededKeys(ctx)
	if err != nil {
		return err
	}
	return s.giveBack(ctx, slices.DeleteFunc(lacked, func(k events.WrappedKey) bool { return !needed[k.Name()] }))
}

// neededKeys are the names of the keys by which those changes are sealed that the server lost or
// never had.
func (s *session) neededKeys(ctx context.Context) (map[string]bool, error) {
	needed := make(map[string]bool)
	need := func(m events.Message) {
		e, err := events.Decode(m)
		if err != nil {
			return // it is no event, and sealed by nothing
		}
		if id, err := events.SealedBy(e.Sealed); err == nil {
			needed[events.WrappedKey{Patient: e.Patient, ID: id}.Name()] = true
		}
	}
	for m, err := range s.agent.store.Unconfirmed(ctx) {
		if err != nil {
			return nil, err
		}
		need(m.Message)
	}
	queued, err := s.agent.outbox.All(ctx)
	for _, entry := range queued {
		need(entry.Message)
	}
	return needed, err
}

func (s *session) lackedKeys(ctx context.Context, state events.KeyState) ([]events.WrappedKey, error) {
	s.agent.setLight(light.Synchronising, "comparing the keys of patients with the server's", &light.Activity{Kind: light.Heal, ETASeconds: -1})
	return s.agent.replica.LackedKeys(ctx, s.log, state)
}

func (s *session) giveBack(ctx context.Context, lacked []events.WrappedKey) error {
	a := s.agent
	if len(lacked) == 0 {
		return nil
	}
	a.warn(warnLostKeys, "The server has lost %d keys of patients, without which no other desk can open what is written of them. It gets them back from this PC; have its disk looked at.", len(lacked))
	a.setLight(light.Synchronising, "giving the server back the keys of patients that it lost", &light.Activity{Kind: light.Heal, Total: uint64(len(lacked)), ETASeconds: -1})
	if err := a.giveKeys(ctx, s.log, lacked); err != nil {
		return fmt.Errorf("give the server back the keys of patients: %w", err)
	}
	a.log.Warn("keys given back to the server", "keys", len(lacked))
	return nil
}

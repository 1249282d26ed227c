package agent

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/carelog/carelog/agent/light"
)

// proofs counts who asked for a proof, and up to which of them one was begun and found
// the light green: the PC's clock may be set back between the two.
type proofs struct{ asked, given atomic.Uint64 }

// Prove asks the server now, and waits until the light is green by a proof that was
// begun after the call. It fails with ctx. Without it the light is at most
// Config.Interval old.
func (a *Agent) Prove(ctx context.Context) error {
	mine := a.proofs.asked.Add(1)
	a.work.fire()
	for {
		changed, proved := a.changed.wait(), a.proved.wait()
		state := a.light.State()
		if state.Color == light.Online && a.proofs.given.Load() >= mine {
			return nil
		}
		select {
		case <-changed:
		case <-proved:
		case <-ctx.Done():
			return fmt.Errorf("the light is %s (%s): %w", state.Color, state.Reason, context.Cause(ctx))
		}
	}
}

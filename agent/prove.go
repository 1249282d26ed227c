package agent

import (
	"context"
	"fmt"

	"github.com/carelog/carelog/agent/light"
)

// Prove asks the server now, and waits until the light is green by a proof that was
// begun after the call. It fails with ctx. Without it the light is at most
// Config.Interval old.
func (a *Agent) Prove(ctx context.Context) error {
	asked := a.config.Now().UTC()
	a.work.fire()
	for {
		changed, proved := a.changed.wait(), a.proved.wait()
		a.mu.Lock()
		agreed := a.server.Agreed
		a.mu.Unlock()
		state := a.light.State()
		if state.Color == light.Online && !agreed.Before(asked) {
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

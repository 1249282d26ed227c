package agent

import "context"

// WarnMissing is the warning of changes that somebody sent and that are neither on the server nor here.
const WarnMissing = "events-missing"

// tellMissing says of which PCs changes are missing, by the numbers that each gives to its own. All that the
// server has is read here by now: it has lost them, and whoever reads its log for the first time knows of the hole by nothing
// else. It stops nothing: where no PC has them, it stays so, and a person decides.
func (a *Agent) tellMissing(ctx context.Context) error {
	byDevice, err := a.replica.Missing(ctx)
	if err != nil {
		return err
	}
	a.warnOf(WarnMissing, byDevice, "The server has lost %s that this PC does not have either (%s). Start every PC of the practice and let it connect: it gives back what it has. Where none has them, look for a copy of a PC's data folder or of the broker's, and ask who worked at these PCs what is to be registered anew. Until then do not rely on a dossier being complete here.")
	return nil
}

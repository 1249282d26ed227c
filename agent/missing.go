package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// WarnMissing is the warning of changes that somebody sent and that are neither on the server nor here.
const WarnMissing = "events-missing"

// tellMissing says of which PCs changes are missing, by the numbers that each gives to its own. All that the
// server has is read here by now: it has lost them, and whoever reads its log for the first time knows of the hole by nothing
// else. It stops nothing: where no PC has them, it stays so, and a person decides.
func (s *session) tellMissing(ctx context.Context) error {
	a := s.agent
	byDevice, err := a.replica.Missing(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(byDevice, s.missing) { // in one session no number is lost while another is found, and to name them costs a look through the chain
		if s.missingFact, err = a.missingFact(ctx, byDevice); err != nil {
			return err
		}
		s.missing = byDevice
	}
	a.warnOf(WarnMissing, s.missingFact, byDevice, "The server has lost %s that this PC does not have either (%s). Start every PC of the practice and let it connect: it gives back what it has. Where none has them, look for a copy of a PC's data folder or of the broker's, and ask who worked at these PCs what is to be registered anew. Until then do not rely on a dossier being complete here. Once nothing more can be found, acknowledge this (`carelog acknowledge events-missing`, or at the page of the synchronisation).")
	return nil
}

// missingFact names the changes that are missing.
func (a *Agent) missingFact(ctx context.Context, byDevice map[string]int) (string, error) {
	var lines []string
	for _, device := range slices.Sorted(maps.Keys(byDevice)) {
		spans, err := a.replica.MissingNumbers(ctx, device)
		if err != nil {
			return "", err
		}
		for _, span := range spans {
			lines = append(lines, fmt.Sprintf("%s %d-%d", device, span.From, span.To))
		}
	}
	return factOf(lines), nil
}

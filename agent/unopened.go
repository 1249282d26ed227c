package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// WarnUnopened is the warning of changes that are here and do not open: their keys are not.
const WarnUnopened = "events-unopened"

// tellUnopened says what is here and cannot be read, since the server lacks keys of patients. It
// stops nothing, as the design has it: one device that seals by a key it gives nobody would else keep every light from
// green. What a device has sealed that is shut out now is nothing to wait for.
func (a *Agent) tellUnopened(ctx context.Context) error {
	closed, err := a.store.CountUnopened(ctx)
	if err != nil {
		return err
	}
	n := 0
	var whose []string
	for _, device := range slices.Sorted(maps.Keys(closed)) {
		if !a.replica.Revoked(device) {
			n += closed[device]
			whose = append(whose, fmt.Sprintf("%d of device %s", closed[device], device))
		}
	}
	if n == 0 {
		a.clearWarning(WarnUnopened)
		return nil
	}
	a.warn(WarnUnopened, "%s cannot be read on this PC (%s): the server does not have the keys of their patients. Was its disk damaged? Start every PC of the practice and let it connect: it gives the keys back, and what they open is shown then by itself. Where none has them, revoking the PC that sealed them ends the waiting, not the want. Until then do not rely on a dossier being complete here.", countOf(n, "change"), strings.Join(whose, ", "))
	return nil
}

package agent

import (
	"context"
	"fmt"
)

// WarnSpoiltKeys is the warning of keys of patients that the disk of this PC has spoilt.
const WarnSpoiltKeys = "keys-spoilt"

// mendKeys asks the server for the keys that were found to be spoilt on this PC's disk, and says which ones it does not
// have either: what they seal cannot be read here, though nothing of it is in doubt.
func (a *Agent) mendKeys(ctx context.Context, log Log) error {
	if len(a.ring.Spoilt()) == 0 {
		a.clearWarning(WarnSpoiltKeys)
		return nil
	}
	mended, err := a.replica.MendKeys(ctx, log)
	if err != nil {
		return fmt.Errorf("mend the keys that this PC's disk has spoilt: %w", err)
	}
	if mended > 0 {
		a.log.Warn("keys that this PC's disk had spoilt were taken from the server", "keys", mended)
		a.changed.fire()
	}
	left := a.ring.Spoilt()
	if len(left) == 0 {
		a.clearWarning(WarnSpoiltKeys)
		return nil
	}
	a.warn(WarnSpoiltKeys, "The disk of this PC has spoilt %s of patients, and the server does not have them: what they open cannot be read here. Start every PC of the practice and let it connect: it gives the server the keys that it has. Have the disk of this PC looked at.", countOf(len(left), "key"))
	return nil
}

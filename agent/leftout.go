package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/projections"
)

// Warnings of events that stand in the log and are not shown here: nothing vouches for the PC that
// made them, and they are of a form that this carelog does not know.
const (
	WarnLeftOut = "events-left-out"
	WarnNewer   = "events-newer"
)

// tellLeftOut says what of the log is not shown here though it may be somebody's work, and gives
// the reason for which the light is not green; empty where there is nothing of that kind. What a
// revoked desk sent later is left out by somebody's decision, and what bears the name of a desk
// that did not sign it is nobody's work: they are counted among the doubts.
func (a *Agent) tellLeftOut(ctx context.Context) (reason string, err error) {
	unvouched, err := a.replica.LeftOut(ctx)
	if err != nil {
		return "", err
	}
	newer, err := a.store.CountDoubt(ctx, projections.DoubtUnknownType)
	if err != nil {
		return "", err
	}
	if newer == 0 {
		a.clearWarning(WarnNewer)
	} else {
		a.warn(WarnNewer, "The log has %s that a newer carelog made and this one does not know: what they say is not shown on this PC. Install the newer carelog here.", countOf(newer, "change"))
		reason = fmt.Sprintf("%s not shown here, since a newer carelog made them: install it on this PC", countOf(newer, "change"))
	}
	left := 0
	whose := make([]string, 0, len(unvouched))
	for _, device := range slices.Sorted(maps.Keys(unvouched)) {
		left += unvouched[device]
		whose = append(whose, fmt.Sprintf("%d of device %s", unvouched[device], device))
	}
	if left == 0 {
		a.clearWarning(WarnLeftOut)
		return reason, nil
	}
	const named = 5
	if more := len(whose) - named; more > 0 {
		whose = append(whose[:named], fmt.Sprintf("and those of %s", countOf(more, "other device")))
	}
	a.warn(WarnLeftOut, "The log has %s that are not shown on this PC (%s), since the certificate of the PC that made them is not in the server's log: was it lost there? Start that PC, and every other one of the practice, and let them connect: the certificate is given back, and the changes are shown then by themselves. Until then do not rely on a dossier being complete here.", countOf(left, "change"), strings.Join(whose, ", "))
	return fmt.Sprintf("%s not shown here, since nothing vouches for the PC that made them: start all PCs of the practice", countOf(left, "change")), nil
}

// countOf is a number of things in words.
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Warnings of events that stand in the log and are not shown here: nothing vouches for the PC that
// made them, and they are of a form that this carelog does not know.
const (
	WarnLeftOut = "events-left-out"
	WarnNewer   = "events-newer"
)

const reasonJudging = "changes are judged again, since more is known now of the PCs that made them"

// tellLeftOut says what of the log is not shown here though it may be somebody's work, and gives
// the reason for which the light is not green; empty where there is none. What a
// revoked desk sent later is left out by somebody's decision, and what bears the name of a desk
// that did not sign it is nobody's work: they are counted among the doubts. What a newer carelog
// made is said, and stops nothing.
func (a *Agent) tellLeftOut(ctx context.Context) (reason string, err error) {
	out, err := a.replica.LeftOut(ctx)
	if err != nil {
		return "", err
	}
	if out.Newer == 0 {
		a.clearWarning(WarnNewer)
	} else {
		a.warn(WarnNewer, "The log has %s that a newer carelog made and this one does not know: what they say is not shown on this PC. Install the newer carelog here.", countOf(out.Newer, "change"))
	}
	if out.Judging {
		reason = reasonJudging
	}
	left := 0
	whose := make([]string, 0, len(out.Unvouched))
	for _, device := range slices.Sorted(maps.Keys(out.Unvouched)) {
		left += out.Unvouched[device]
		whose = append(whose, fmt.Sprintf("%d of device %s", out.Unvouched[device], device))
	}
	if left == 0 {
		a.clearWarning(WarnLeftOut)
		return reason, nil
	}
	const named = 5
	if more := len(whose) - named; more > 0 {
		whose = append(whose[:named], fmt.Sprintf("and those of %s", countOf(more, "other device")))
	}
	a.warn(WarnLeftOut, "The log has %s that are not shown on this PC (%s), since the certificate of the PC that made them is not in the server's log: was it lost there? Start that PC, and every other one of the practice, and let them connect: the certificate is given back, and the changes are shown then by themselves. If no PC of the practice has this name, somebody made it up: revoke it with `carelog device revoke --unknown`. Until then do not rely on a dossier being complete here.", countOf(left, "change"), strings.Join(whose, ", "))
	return fmt.Sprintf("%s not shown here, since nothing vouches for the PC that made them: start all PCs of the practice, and revoke the name that none of them has", countOf(left, "change")), nil
}

// countOf is a number of things in words.
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

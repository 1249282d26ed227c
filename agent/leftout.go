package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carelog/carelog/events"
)

// Warnings of events that stand in the log and are not shown here: nothing vouches for the PC that
// made them, and they are of a form that this carelog does not know; and of some that are shown.
const (
	WarnLeftOut = "events-left-out"
	WarnNewer   = "events-newer"
	// Events of a revoked PC that may be sound: what would tell is missing in its chain.
	WarnUnreached = "events-unreached"
	// Events of a revoked PC that are shown though it sent them after its revocation was made.
	WarnRevocationLate = "revocation-late"
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
	a.tellUnreached(out.Unreached)
	a.tellLate(out.Late)
	if out.Judging {
		reason = reasonJudging
	}
	left, whose := countsOf(out.Unvouched)
	if left == 0 {
		a.clearWarning(WarnLeftOut)
		return reason, nil
	}
	a.warn(WarnLeftOut, "The log has %s that are not shown on this PC (%s), since the certificate of the PC that made them is not in the server's log: was it lost there? Start that PC, and every other one of the practice, and let them connect: the certificate is given back, and the changes are shown then by themselves. If no PC of the practice has this name, somebody made it up: revoke it with `carelog device revoke --unknown`. Until then do not rely on a dossier being complete here.", countOf(left, "change"), whose)
	return fmt.Sprintf("%s not shown here, since nothing vouches for the PC that made them: start all PCs of the practice, and revoke the name that none of them has", countOf(left, "change")), nil
}

// tellUnreached says of which revoked PCs changes are left out that may have been sent before. It stops nothing: where no
// PC has what is missing, it stays so, and a person decides.
func (a *Agent) tellUnreached(out map[string][]events.ID) {
	byDevice, fact := theseOf(out)
	a.warnOf(WarnUnreached, fact, byDevice, "The log has %s of revoked PCs that are not shown here (%s), and may have been sent before the revocation: the server has lost a change of that PC which would tell. Start every PC of the practice and let it connect: it gives back what it has, and the changes are shown then by themselves. Where none has it, look at them with `carelog audit log --device ID`, register anew what is right, and acknowledge this (`carelog acknowledge events-unreached`, or at the page of the synchronisation).")
}

// tellLate says which revoked PCs sent something while the server did not know that they were revoked. It counts, since only a
// person can tell whether it is to.
func (a *Agent) tellLate(late map[string][]events.ID) {
	byDevice, fact := theseOf(late)
	a.warnOf(WarnRevocationLate, fact, byDevice, "The log has %s of revoked PCs that count (%s), though they were sent after the revocation was made: the server had lost it, or did not have it yet. Look at them with `carelog audit log --device ID`, and correct what is not right: each record has the versions before them. Then acknowledge this (`carelog acknowledge revocation-late`, or at the page of the synchronisation).")
}

// theseOf counts events by their device, and names the fact that it is these.
func theseOf(out map[string][]events.ID) (byDevice map[string]int, fact string) {
	byDevice = make(map[string]int, len(out))
	var lines []string
	for _, device := range slices.Sorted(maps.Keys(out)) {
		byDevice[device] = len(out[device])
		for _, id := range out[device] {
			lines = append(lines, device+" "+id.String())
		}
	}
	return byDevice, factOf(lines)
}

// warnOf warns of changes of some devices, as long as there are any. The text has a place for how many, and one for whose. A
// fact that is not empty can be acknowledged.
func (a *Agent) warnOf(code, fact string, byDevice map[string]int, text string) {
	n, whose := countsOf(byDevice)
	if n == 0 {
		a.clearWarning(code)
		return
	}
	a.warnOfFact(code, fact, fmt.Sprintf(text, countOf(n, "change"), whose))
}

// countsOf adds numbers up, and says in words of which devices they are.
func countsOf(byDevice map[string]int) (n int, whose string) {
	const named = 5
	list := make([]string, 0, len(byDevice))
	for _, device := range slices.Sorted(maps.Keys(byDevice)) {
		n += byDevice[device]
		list = append(list, fmt.Sprintf("%d of device %s", byDevice[device], device))
	}
	if more := len(list) - named; more > 0 {
		list = append(list[:named], fmt.Sprintf("and those of %s", countOf(more, "other device")))
	}
	return n, strings.Join(list, ", ")
}

// countOf is a number of things in words.
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

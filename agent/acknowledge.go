package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// Errors of Acknowledge. Nothing is written after any of them.
var (
	ErrNoWarning     = errors.New("this desk gives no such warning now")
	ErrNotLasting    = errors.New("this warning ends by itself when what it says is seen to, and is said until then: only what nobody can mend any more can be acknowledged")
	ErrOtherFact     = errors.New("the warning is of something else by now: read it again")
	ErrNobodyAnswers = errors.New("say who acknowledges the warning, and why")
)

// Acknowledge takes a warning of a fact that may stay for ever out of those that somebody should look at, at every desk of the practice
// and for as long as it is of the same fact. It is a registration as any other: in author's name, with the reason and the warning's text, and who
// deletes it lets the warning come back.
func (a *Agent) Acknowledge(ctx context.Context, code, fact, author, reason string) (Written, error) {
	w, err := a.acknowledge(ctx, code, fact, author, reason)
	if err != nil {
		return Written{}, fmt.Errorf("acknowledge warning %s: %w", code, err)
	}
	return w, nil
}

func (a *Agent) acknowledge(ctx context.Context, code, fact, author, reason string) (Written, error) {
	if author == "" || strings.TrimSpace(reason) == "" {
		return Written{}, ErrNobodyAnswers
	}
	warnings, _, err := a.sortWarnings(ctx)
	if err != nil {
		return Written{}, err
	}
	for _, w := range warnings {
		switch {
		case w.Code != code:
			continue
		case w.Fact == "":
			return Written{}, ErrNotLasting
		case w.Fact != fact:
			return Written{}, ErrOtherFact
		}
		id, err := a.clock.Next()
		if err != nil {
			return Written{}, err
		}
		r := events.Record{Type: "Basic", ID: acknowledgement + strings.ToLower(id.String())}
		body := fhirjson.AcknowledgedResource(r, fhirjson.Acknowledged{Code: code, Fact: fact, Text: w.Text, Reason: reason})
		return a.Write(ctx, Draft{Record: r, Author: author, Create: true, Body: body})
	}
	return Written{}, ErrNoWarning
}

// sortWarnings parts the warnings from those that were acknowledged.
func (a *Agent) sortWarnings(ctx context.Context) (warnings []Warning, acknowledged []Acknowledged, err error) {
	warnings, acknowledged = []Warning{}, []Acknowledged{}
	var seen map[lasting]Acknowledged // nil: not asked for yet, which nearly no desk needs
	for _, w := range a.currentWarnings() {
		if w.Fact != "" && seen == nil {
			if seen, err = a.acknowledgements(ctx); err != nil {
				return nil, nil, err
			}
		}
		if by, ok := seen[lasting{w.Code, w.Fact}]; ok {
			by.Warning = w
			acknowledged = append(acknowledged, by)
			continue
		}
		warnings = append(warnings, w)
	}
	return warnings, acknowledged, nil
}

// acknowledgement begins the id of the Basic of a warning that somebody has seen: a practice may have any number of others, and the
// status is asked for at each change.
const acknowledgement = "warning-"

// lasting is what a warning is of that may stay for ever.
type lasting struct{ code, fact string }

// acknowledgements are what the practice has acknowledged; where two did, the first of them. What a PC said that is revoked by now is passed
// over: whoever has it could else silence what is said of it.
func (a *Agent) acknowledgements(ctx context.Context) (map[lasting]Acknowledged, error) {
	list, err := a.store.DossierNamed(ctx, "", "Basic", acknowledgement) // by id, and so by time
	if err != nil {
		return nil, err
	}
	seen := make(map[lasting]Acknowledged)
	for _, state := range list {
		e := state.Shown.Event
		said, err := fhirjson.AcknowledgedOf(state.Shown.Body)
		if err != nil || e.Author == "" || a.replica.Revoked(e.Device) {
			continue
		}
		of := lasting{said.Code, said.Fact}
		if _, twice := seen[of]; !twice {
			seen[of] = Acknowledged{By: e.Author, At: e.Time, Reason: said.Reason}
		}
	}
	return seen, nil
}

// factOf is a short name for what lines say.
func factOf(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

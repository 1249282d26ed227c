package publish

import (
	"context"
	"errors"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// Codes of the hub (CD-ERROR, Vitalink).
const (
	noRelation = "360"
	noConsent  = "365"
)

// dutyAgain is when a patient of whom the hub misses a duty is tried again at the soonest: it
// is registered elsewhere, and nobody tells us.
const dutyAgain = 10 * time.Minute

// reading is a failure of reading what the hub holds: nothing was sent.
type reading struct{ error }

func (r reading) Unwrap() error { return r.error }

// trouble is what an error of a try means for the patient, and whether the hub is to blame.
func trouble(err error) (reason standing.Reason, hubs bool) {
	var answer *hub.AnswerError
	var fault *hub.FaultError
	answered := errors.As(err, &answer)
	switch {
	case errors.As(err, new(*ForeignError)):
		return standing.Foreign, false
	case errors.As(err, new(*twiceError)):
		return standing.Twice, errors.Is(err, hub.ErrUnreachable) || errors.Is(err, hub.ErrUnknown)
	case errors.Is(err, hub.ErrNoSession):
		return standing.NoSession, false
	case answered && answer.Has(noRelation):
		return standing.NoRelation, false
	case answered && answer.Has(noConsent):
		return standing.NoConsent, false
	case errors.As(err, new(reading)): // nothing was sent, so nothing is unknown, and no message to blame
		return standing.Unreachable, !answered || answer.Later() // else it is up, and refuses this patient
	case errors.Is(err, hub.ErrUnreachable), answered && answer.Later():
		return standing.Unreachable, true
	case errors.Is(err, hub.ErrUnknown):
		return standing.Unknown, true
	case answered, errors.As(err, &fault):
		return standing.Invalid, false
	}
	return standing.Waiting, false
}

// note keeps what became of a try to publish what has a digest.
func (p *Publisher) note(ctx context.Context, patient string, digest events.Digest, err error) {
	now := p.config.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.patients[patient]
	if one == nil {
		one = &pending{}
		p.patients[patient] = one
	}
	held := errors.As(err, new(*heldError))
	if sent, ok := p.firsts[patient]; ok && !now.Before(sent.Add(secondLook)) {
		if err == nil || held {
			delete(p.firsts, patient)
		} else {
			p.firsts[patient] = now
		}
	}
	if err == nil || held {
		if err == nil {
			p.hub = outage{}
		}
		delete(p.patients, patient) // the table says what there is to be said
		return
	}
	reason, hubs := trouble(err)
	if ctx.Err() != nil && reason != standing.Unknown {
		return // it was given up, and is tried again when there is a line
	}
	if one.digest = digest; one.first.IsZero() {
		one.first = now
	}
	one.trouble, one.detail = reason, err.Error()
	one.tries++
	one.next = now.Add(p.backoff(one.tries))
	switch reason {
	case standing.Foreign, standing.Invalid:
		one.next = time.Time{} // a person must do something
		if foreign := (*ForeignError)(nil); errors.As(err, &foreign) {
			one.known = foreign.known
		}
	case standing.NoConsent, standing.NoRelation, standing.Twice:
		one.next = later(one.next, now.Add(dutyAgain))
	}
	p.config.Logger.Warn("not published", "patient", patient, "reason", reason, "error", hub.Quiet(err), "next", one.next)
	p.noteHub(now, err, hubs && ctx.Err() == nil)
}

// noteHub keeps how the hub does. It is down for all where it cannot be read, and where it
// fails for one patient after the other. p.mu is held.
func (p *Publisher) noteHub(now time.Time, err error, failed bool) {
	if !failed {
		if errors.As(err, new(*hub.AnswerError)) || errors.As(err, new(*ForeignError)) {
			p.hub = outage{} // it works, and says no
		}
		return
	}
	if p.hub.failed++; p.hub.failed == 1 {
		p.hub.since = now
	}
	p.hub.detail = err.Error()
	if errors.As(err, new(reading)) || errors.Is(err, hub.ErrUnreachable) || p.hub.failed >= enough {
		p.hub.paused, p.hub.next = true, now.Add(p.backoff(p.hub.failed))
	}
}

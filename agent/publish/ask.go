package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// Errors of what a person asks for. Each leaves everything as it was.
var (
	ErrWished    = errors.New("the Sumehr is to be kept up to date on the hub, so it would be published again: switch that off first")
	ErrNotWished = errors.New("nobody wishes that this patient's Sumehr is kept up to date on the hub: switch that on first")
	ErrNothing   = errors.New("the hub holds no Sumehr of this patient that was published from here")
	ErrMoved     = errors.New("the hub holds another Sumehr by now: look at it again, and choose")
)

// Publish tries to publish a patient's Sumehr now, whatever was to be waited for. With over,
// the hub's name of a Sumehr that is not ours, ours is put in its place. What became of it is
// in State; the error is of what was asked: ErrNotWished, ErrMoved, hub.ErrNoSession, agent.ErrNotLevel, ctx's.
func (p *Publisher) Publish(ctx context.Context, patient, over string) error {
	return p.asap(ctx, func(ctx context.Context) error {
		err := p.attempt(ctx, patient, attempt{look: true, over: over})
		p.note(ctx, patient, err)
		var held *heldError
		var foreign *ForeignError
		switch {
		case errors.As(err, &held) && held.Reason == standing.Off:
			return ErrNotWished
		case errors.As(err, &foreign) && over != "":
			return ErrMoved
		case errors.Is(err, hub.ErrNoSession):
			return err
		}
		return nil
	})
}

// Revoke takes what was published of a patient from the hub, in the name of its author, and
// records it. Errors: ErrWished, ErrNothing, *ForeignError where another put a newer one in
// its place, and those of the hub.
func (p *Publisher) Revoke(ctx context.Context, patient string) error {
	return p.asap(ctx, func(ctx context.Context) error {
		d, err := p.speak(ctx, patient)
		switch {
		case d.facts.Wished:
			return ErrWished
		case err != nil:
			return err
		}
		known := d.facts.Published
		list, err := d.client.List(ctx, d.inss)
		if err != nil {
			return err
		}
		var last standing.Publication
		if known != nil {
			last = *known
		}
		for _, l := range list {
			found, err := p.isOurs(ctx, d, l)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := d.client.Revoke(ctx, d.inss, l.URI); err != nil {
				return fmt.Errorf("take %s from the hub: %w", l.URI, err)
			}
			last.URI, last.Hub = l.URI, p.Hub.EHP
			p.Logger.Info("revoked", "patient", patient, "uri", l.URI)
		}
		if last.URI == "" || last.Revoked {
			return ErrNothing
		}
		// Also where it was gone already: an earlier try may have been kept from recording it.
		last.Revoked, last.At = true, p.Now().UTC().Truncate(time.Second)
		return p.write(ctx, d, last)
	})
}

// isOurs reports whether something on the hub was made in this practice.
func (p *Publisher) isOurs(ctx context.Context, d dossier, l hub.Listed) (bool, error) {
	if known := d.facts.Published; known != nil && known.URI == l.URI {
		return true, nil
	}
	message, err := d.client.Get(ctx, d.inss, l.URI)
	if err != nil {
		return false, err
	}
	return p.ours(d.in.Patient, message), nil
}

// Held is a Sumehr on the hub.
type Held struct {
	URI      string    `json:"uri"`
	Author   string    `json:"author"` // number at the national health insurance
	Recorded time.Time `json:"recorded"`
	Ours     bool      `json:"ours"`
}

// Look asks the hub what it holds of a patient, the newest first, and for the newest itself;
// nil where there is none.
func (p *Publisher) Look(ctx context.Context, patient string) (list []Held, newest *kmehr.Element, err error) {
	d, err := p.speak(ctx, patient)
	if err != nil {
		return nil, nil, err
	}
	listed, err := d.client.List(ctx, d.inss)
	if err != nil {
		return nil, nil, err
	}
	for i, l := range listed {
		message, err := d.client.Get(ctx, d.inss, l.URI)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			newest = message
		}
		list = append(list, Held{l.URI, l.Author, l.Recorded, p.ours(patient, message)})
	}
	return list, newest, nil
}

// speak opens a dossier to ask the hub about it: whether it may be published does not matter.
func (p *Publisher) speak(ctx context.Context, patient string) (dossier, error) {
	d, _, err := p.open(ctx, patient)
	var held *heldError
	if errors.As(err, &held) {
		err = sumehr.ErrNoPatient
	}
	return d, err
}

// asap lets do run under the lease, as soon as whoever publishes now lets it go.
func (p *Publisher) asap(ctx context.Context, do func(context.Context) error) error {
	p.urgent.Add(1)
	defer p.urgent.Add(-1)
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.give()
	for {
		err := p.alone(ctx, do)
		var taken *events.LeaseTakenError
		if !errors.As(err, &taken) {
			p.wake()
			return err
		}
		if sleep(ctx, askAgain/8); ctx.Err() != nil {
			return err
		}
	}
}

// wake lets Run look at once.
func (p *Publisher) wake() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

package publish

import (
	"context"
	"errors"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/events"
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
// the hub's name of a Sumehr that is not ours, ours is put in its place. It is recorded as by the
// Practitioner who asks; where by is empty, as by who answers for the Sumehr. What became of it is in State; the error is of what was asked: ErrNotWished, ErrMoved, hub.ErrNoSession, agent.ErrNotLevel, ctx's.
func (p *Publisher) Publish(ctx context.Context, patient, over, by string) error {
	return p.asap(ctx, func(ctx context.Context) error {
		digest, err := p.attempt(ctx, patient, way{look: true, over: over, by: by})
		p.note(ctx, patient, digest, err)
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
// records it as by the Practitioner who asks, as Publish does. Errors: ErrWished, ErrNothing, and those of the hub.
func (p *Publisher) Revoke(ctx context.Context, patient, by string) error {
	return p.asap(ctx, func(ctx context.Context) error {
		d, _, err := p.open(ctx, patient)
		switch {
		case d.facts.Wished:
			return ErrWished
		case err != nil:
			return err
		}
		list, err := d.client.List(ctx, d.inss)
		if err != nil {
			return err
		}
		var last standing.Publication
		if d.facts.Published != nil {
			last = *d.facts.Published
		}
		for _, l := range list {
			if last.URI != l.URI {
				found, err := d.client.Get(ctx, d.inss, l.URI)
				if err != nil {
					return err
				}
				if !p.ours(patient, found) {
					continue
				}
				last = p.publication(d, l.URI, found)
			}
			if err := d.client.Revoke(ctx, d.inss, l.URI); err != nil {
				return err
			}
			last.Revoked = false // it was there
			p.config.Logger.Info("revoked", "patient", patient, "document", document(l.URI))
		}
		if last.URI == "" || last.Revoked {
			return ErrNothing
		}
		// Also where it was gone already: an earlier try may have been kept from recording it.
		last.Revoked, last.At = true, p.config.Now().UTC().Truncate(time.Second)
		return p.record(ctx, d, last, by)
	})
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
	d, _, err := p.open(ctx, patient)
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

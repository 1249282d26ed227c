package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/agent/behind"
	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// way is how a patient's Sumehr is brought to the hub.
type way struct {
	look bool   // at the hub, also where it should hold the newest
	over string // the hub's name of another's, that ours may be put over
	by   string // id of the Practitioner who asks; empty: it is done by itself
}

// heldError says that something stands in the way, which the table says in words.
type heldError struct{ standing.Judgement }

// Error names the reason.
func (e *heldError) Error() string { return "it is held up: " + e.Reason.Text("en") }

// ForeignError says that the newest Sumehr on the hub is not one of this practice.
type ForeignError struct {
	hub.Listed
	known events.ID // what the dossier said of the hub then
}

// Error says whose it is. The hub's name of it has the patient's national number in it, and is left out.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("the hub holds a Sumehr of the care provider with number %s, of %s", e.Author, e.Recorded.Format(time.DateTime))
}

// dossier is a patient's, as it is now, and who speaks with the hub about it.
type dossier struct {
	in     sumehr.Input
	facts  standing.Facts
	inss   string
	client *hub.Client
}

// open reads a dossier as it is now and judges it, as if nothing had ever failed.
func (p *Publisher) open(ctx context.Context, patient string) (d dossier, j standing.Judgement, err error) {
	d.in = sumehr.Input{Patient: patient, At: p.config.Now().Truncate(time.Millisecond), Software: p.config.Software, Hub: p.config.Hub}
	if d.in.Records, _, err = behind.Gather(ctx, p.config.Records, patient, ""); err != nil {
		return d, j, err
	}
	d.facts = standing.Read(d.in)
	desk, queued, err := behind.DeskNow(ctx, p.config.Desk)
	if err != nil {
		return d, j, err
	}
	desk.Queued = queued[patient] || queued[""] // those of the practice may be in it
	desk.Hub = standing.Hub{SetUp: true, Session: true}
	j = standing.Judge(d.facts, desk)
	who, author, err := sumehr.Parties(d.in)
	if err != nil {
		return d, j, err
	}
	if d.inss = who.ID("ID-PATIENT"); d.inss == "" {
		return d, j, errNumberless
	}
	d.client = &hub.Client{URL: p.config.URL, HTTP: p.config.HTTP, Hub: p.config.Hub, Author: hub.AuthorOf(author, p.config.Software), Now: p.config.Now}
	d.client.Security, err = p.config.Sessions.Of(ctx, d.client.Author.NIHII)
	return d, j, err
}

var errNumberless = errors.New("the patient has no number in the National Register, by which the hub knows patients")

const (
	// attempts bounds how often what the hub holds is read anew because it changed meanwhile.
	attempts = 5
)

// readAge is how old what was read of the hub may be when something is sent: a PC that slept
// no longer has the lease, and may not know it yet.
func (p *Publisher) readAge() time.Duration { return p.config.Lease - p.config.Lease/6 }

// attempt brings the newest Sumehr of a patient to the hub, and returns the digest of what it
// found to be that. The lease is held, and this desk is level by proof.
func (p *Publisher) attempt(ctx context.Context, patient string, how way) (digest events.Digest, err error) {
	var refused error
	var refusedOn string // the version that it was based on
	for range attempts {
		d, j, err := p.open(ctx, patient)
		digest = d.facts.Digest
		switch {
		case j.Reason == standing.Newest && !how.look:
			return digest, nil // another desk was faster
		case j.Reason != standing.Waiting && j.Reason != standing.Newest && j.Reason != "":
			return digest, &heldError{j}
		case err != nil:
			return digest, err
		}
		read := p.config.Now()
		found, err := p.settle(ctx, d, how)
		if err != nil {
			return digest, err
		}
		if found.newest {
			return digest, p.single(ctx, d, found.spare)
		}
		if refused != nil && found.base == refusedOn {
			return digest, refused // it was not for another that came between
		}
		if p.config.Now().Round(0).Sub(read.Round(0)) > p.readAge() {
			continue
		}
		err = p.send(ctx, d, found.base, how.by)
		if err == nil {
			return digest, p.single(ctx, d, found.spare)
		}
		var answer *hub.AnswerError
		if !errors.As(err, &answer) || answer.Later() || answer.Has(noRelation, noConsent) {
			return digest, err
		}
		refused, refusedOn = err, found.base
	}
	if refused == nil {
		refused = errors.New("the hub takes too long for its answers")
	}
	return digest, fmt.Errorf("what the hub holds was read %d times, and was old each time: %w", attempts, refused)
}

// versionOf is the event that says what the hub holds; zero where none does.
func versionOf(known *standing.Publication) events.ID {
	if known == nil {
		return events.ID{}
	}
	return known.Version
}

// send publishes a dossier on top of a version, and records what the hub made of it; see record.
func (p *Publisher) send(ctx context.Context, d dossier, base, by string) (err error) {
	in := d.in
	in.Mark = p.mark(in.Patient, d.facts.Digest)
	if base != "" {
		if in.Replaces, err = sumehr.NextURI(base); err != nil {
			return err
		}
	}
	s, err := sumehr.Build(in)
	if err != nil {
		return err
	}
	uri, err := d.client.Put(ctx, s.Message)
	if err != nil {
		return err
	}
	p.config.Logger.Info("published", "patient", in.Patient, "document", document(uri))
	if base == "" {
		p.noteFirst(in.Patient)
	}
	return p.record(ctx, d, p.publication(d, uri, s.Message), by)
}

package publish

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

// found is what a look at the hub came to.
type found struct {
	base   string   // the version that ours is to be based on; empty: it is the first
	newest bool     // that version is what the dossier makes: nothing is to be sent
	spare  []string // other Sumehrs of this practice for the patient: one too many each
}

// settle reads what the hub holds, records of it what was not known, and finds what is to be
// done.
func (p *Publisher) settle(ctx context.Context, d dossier, how way) (f found, err error) {
	list, err := d.client.List(ctx, d.inss)
	if err != nil {
		return f, reading{err}
	}
	if len(list) == 0 {
		return f, nil
	}
	known := d.facts.Published
	if known != nil && known.Revoked {
		known = nil
	}
	if f, err = p.based(ctx, d, how, list, known); err != nil {
		return f, err
	}
	f.spare, err = p.beside(ctx, d, list, f.base)
	return f, err
}

// based is settle but for what stands beside; known is what the dossier says is there, if it does.
func (p *Publisher) based(ctx context.Context, d dossier, how way, list []hub.Listed, known *standing.Publication) (f found, err error) {
	newest := list[0]
	if known != nil && known.URI == newest.URI {
		return found{base: newest.URI, newest: known.Digest == d.facts.Digest}, nil
	}
	message, err := d.client.Get(ctx, d.inss, newest.URI)
	if err != nil {
		return f, reading{err}
	}
	if digest := sumehr.Digest(message); p.ours(d.in.Patient, message) || digest == d.facts.Digest && newest.Author == d.facts.Author {
		if known != nil && slices.ContainsFunc(list, func(l hub.Listed) bool { return l.URI == known.URI }) {
			// A first version of ours that the hub took in late: the one that is recorded is followed.
			return found{base: known.URI, newest: known.Digest == d.facts.Digest}, nil
		}
		p.config.Logger.Info("found on the hub", "patient", d.in.Patient, "document", document(newest.URI))
		return found{base: newest.URI, newest: digest == d.facts.Digest}, p.record(ctx, d, p.publication(d, newest.URI, message), how.by)
	}
	if newest.URI != how.over {
		return f, &ForeignError{newest, versionOf(d.facts.Published)}
	}
	// Ours goes on top of the foreign one, unless ours is a document of its own there.
	base := newest.URI
	if last := d.facts.Published; last != nil {
		if i := slices.IndexFunc(list, func(l hub.Listed) bool { return sameDocument(l.URI, last.URI) }); i >= 0 {
			base = list[i].URI
		}
	}
	return found{base: base}, nil
}

// beside finds the Sumehrs of this practice that stand beside the one that is kept.
func (p *Publisher) beside(ctx context.Context, d dossier, list []hub.Listed, base string) (spare []string, err error) {
	for _, l := range list {
		if sameDocument(l.URI, base) {
			continue
		}
		message, err := d.client.Get(ctx, d.inss, l.URI)
		if err != nil {
			return nil, reading{err}
		}
		if p.ours(d.in.Patient, message) {
			spare = append(spare, l.URI)
		}
	}
	return spare, nil
}

// sameDocument reports whether two uris name versions of one document.
func sameDocument(a, b string) bool {
	i, j := strings.LastIndexByte(a, '/'), strings.LastIndexByte(b, '/')
	return i > 0 && j > 0 && a[:i] == b[:j]
}

// twiceError says that the hub keeps more than one Sumehr of this practice for a patient.
type twiceError struct{ error }

// Error says so, and why it is so still.
func (e *twiceError) Error() string {
	return "the hub holds two Sumehrs of this practice, and the older could not be taken away: " + e.error.Error()
}

// Unwrap is why.
func (e *twiceError) Unwrap() error { return e.error }

// single takes from the hub what of this practice stands beside the newest: a first version
// that the hub took in when nobody waited for it any more.
func (p *Publisher) single(ctx context.Context, d dossier, spare []string) error {
	for _, uri := range spare {
		if err := d.client.Revoke(ctx, d.inss, uri); err != nil {
			return &twiceError{err}
		}
		p.config.Logger.Warn("the hub held a second Sumehr of this practice, which was taken away", "patient", d.in.Patient, "document", document(uri))
	}
	return nil
}

// secondLook is how long after a first version was sent the hub is read once more: by then it
// has taken in what another desk had sent before and nobody waited for any more, which stands
// there as a second Sumehr. Of later versions the hub itself refuses the second one.
const secondLook = 5 * time.Minute

// noteFirst notes that a first version of a patient's was sent.
func (p *Publisher) noteFirst(patient string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.firsts[patient] = p.config.Now()
}

// secondLooks are the patients of whom the hub is to be read once more now, and when the next
// one will be; zero: none.
func (p *Publisher) secondLooks() (due []string, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	for patient, sent := range p.firsts {
		switch at := sent.Add(secondLook); {
		case at.After(now):
			next = sooner(next, at)
		case p.patients[patient] != nil:
			delete(p.firsts, patient) // what is to be sent next is sent after a look
		default:
			due = append(due, patient)
		}
	}
	slices.Sort(due)
	return due, next
}

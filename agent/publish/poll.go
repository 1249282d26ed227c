package publish

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

const (
	// pollEvery is how often the hub is asked whether what it holds is still what was published
	// from here, and pollAtOnce for how many patients at a time.
	pollEvery  = time.Hour
	pollAtOnce = 100
	// pollRefusals is how many refusals are met at most while those of pollAtOnce are sought who
	// are to blame: three of a hundred are always found.
	pollRefusals = 24
)

// askAt is when the hub is asked what it holds: a hub that is down, as soon as it may be up, so
// that its state is known also where another desk published all that was due.
func (p *Publisher) askAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub.down() {
		return p.hub.next
	}
	return p.pollAt
}

// poll finds those of whom the hub holds another version than the one that is recorded, or
// none. It asks for those whose author has a session here, and sends nothing. What fails here,
// or is refused, says nothing of the hub and holds up only those who were asked for at once.
func (p *Publisher) poll(ctx context.Context, table Table) (others []string) {
	p.pollAt = p.config.Now().Add(pollEvery/2 + p.config.Jitter(pollEvery/2))
	p.mu.Lock()
	if p.hub.down() { // whatever comes in between, it is not asked at once again
		p.hub.next = p.config.Now().Add(p.backoff(p.hub.failed))
	}
	p.mu.Unlock()
	list, err := table.Newest(ctx)
	if err != nil {
		p.config.Logger.Warn("what is on the hub could not be looked at", "error", err)
		return nil
	}
	byAuthor := map[string][]standing.Facts{}
	for _, f := range list {
		if p.session(f.Author) == nil && subject(f.Published.URI) != "" {
			byAuthor[f.Author] = append(byAuthor[f.Author], f)
		}
	}
	defer func() { slices.Sort(others) }()
	asked := len(byAuthor) == 0
	for _, facts := range byAuthor {
		for some := range slices.Chunk(facts, pollAtOnce) {
			refusals := pollRefusals
			found, answered, err := p.narrowed(ctx, some, &refusals)
			asked, others = asked || answered, append(others, found...)
			if err != nil {
				return others
			}
		}
	}
	if asked {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hub = outage{}
	}
	return others
}

// narrowed asks the hub for some patients of one author. Where it refuses to answer for all of
// them at once, each half is asked for by itself, so that one patient who is refused keeps none
// of the others from being looked at; refusals bounds how often it is asked in vain. The error
// says that the hub is to be asked no more for now.
func (p *Publisher) narrowed(ctx context.Context, some []standing.Facts, refusals *int) (others []string, answered bool, err error) {
	others, err = p.changed(ctx, some)
	if err == nil {
		return others, true, nil
	}
	_, hubs := trouble(err)
	p.mu.Lock()
	p.noteHub(p.config.Now(), err, hubs && ctx.Err() == nil)
	p.mu.Unlock()
	var refused *hub.AnswerError
	*refusals--
	switch {
	case hubs || ctx.Err() != nil:
		p.config.Logger.Warn("what the hub holds is not known of some", "patients", len(some), "error", hub.Quiet(err))
		return nil, false, err
	case len(some) == 1 || *refusals <= 0 || !errors.As(err, &refused):
		p.config.Logger.Warn("what the hub holds is not known of some", "patients", len(some), "first", some[0].Patient, "error", hub.Quiet(err))
		return nil, false, nil
	}
	for _, half := range [][]standing.Facts{some[:len(some)/2], some[len(some)/2:]} {
		found, said, err := p.narrowed(ctx, half, refusals)
		others, answered = append(others, found...), answered || said
		if err != nil {
			return others, answered, err
		}
	}
	return others, answered, nil
}

// changed asks the hub for some patients of one author.
func (p *Publisher) changed(ctx context.Context, some []standing.Facts) (others []string, err error) {
	d, _, err := p.open(ctx, some[0].Patient)
	if err != nil {
		return nil, err
	}
	numbers := make([]string, len(some))
	for i, f := range some {
		numbers[i] = subject(f.Published.URI)
	}
	updates, err := d.client.LatestUpdates(ctx, numbers...)
	if err != nil {
		return nil, reading{err}
	}
	versions := map[string]string{}
	for _, u := range updates {
		versions[u.Patient] = u.Version
	}
	for i, f := range some {
		version, there := versions[numbers[i]]
		if !there || version != "" && version != path.Base(f.Published.URI) {
			others = append(others, f.Patient)
		}
	}
	return others, nil
}

// document is what of the hub's name of a Sumehr may stand in a log: what comes behind the number
// of the patient.
func document(uri string) string {
	_, rest, _ := strings.Cut(uri, "/sumehr/")
	return rest
}

// subject is the number of the patient in the hub's name of a Sumehr.
func subject(uri string) string {
	rest, _ := strings.CutPrefix(uri, "/subject/")
	number, _, _ := strings.Cut(rest, "/")
	return number
}

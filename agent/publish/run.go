package publish

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

const (
	lease = "sumehr"
	// pace is how long after a look at the table the next one waits.
	pace = time.Second
	// turnLength is how long one desk publishes before it lets others: what is left comes in its next turn.
	turnLength = 30 * time.Second
	// askAgain bounds how long a desk waits for one that publishes.
	askAgain = 4 * time.Second
	// proof is how long the light may take to be green under the lease.
	proof = 15 * time.Second
)

// Run publishes what is due until ctx ends; it then returns nil.
func (p *Publisher) Run(ctx context.Context, table Table) error {
	p.pollAt = p.Now().Add(p.Jitter(pollEvery))
	for ctx.Err() == nil {
		changed := p.Desk.Changed() // taken before looking, so that nothing falls between
		due, next, level, err := p.look(ctx, table)
		if err != nil && ctx.Err() == nil {
			p.Logger.Warn("what is to be published could not be read", "error", err)
			next = p.Now().Add(p.Retry)
		}
		if len(due) > 0 {
			p.publish(ctx, due, false)
			next = p.Now()
		} else if err == nil && level && !p.Now().Before(p.pollAt) && !p.resting() {
			if others := p.poll(ctx, table); len(others) > 0 {
				p.publish(ctx, others, true)
			}
		}
		sleep(ctx, pace)
		if level {
			next = sooner(next, p.pollAt)
		}
		p.rest(ctx, changed, next)
	}
	return nil
}

// rest waits for a change, for a moment (zero: none), or until it is asked.
func (p *Publisher) rest(ctx context.Context, changed <-chan struct{}, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(max(0, until.Sub(p.Now())))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-changed:
	case <-alarm:
	case <-p.asked:
	case <-ctx.Done():
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// look finds the patients who are due, the one that waits longest first, and when the next
// one will be; level says that the desk is.
func (p *Publisher) look(ctx context.Context, table Table) (due []string, next time.Time, level bool, err error) {
	status, err := p.Desk.Status(ctx)
	if err != nil || status.Color != light.Online || status.Incomplete {
		return nil, time.Time{}, false, err
	}
	rows, _, err := table.List(ctx)
	if err != nil {
		return nil, time.Time{}, false, err
	}
	now := p.Now()
	when := map[string]time.Time{}
	kept := map[string]*pending{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range rows {
		one := p.patients[row.Patient]
		if one != nil && one.over(row.Facts) {
			one = nil
		}
		if !tryable(row) {
			if one != nil && one.trouble != "" {
				kept[row.Patient] = one
			}
			continue
		}
		if one == nil {
			one = &pending{}
		}
		kept[row.Patient] = one
		one.see(row.Digest, now, p.Quiet, p.Gather)
		at := one.due()
		if at.IsZero() {
			continue
		}
		if p.hub.down() {
			at = later(at, p.hub.next)
		}
		if at = later(at, p.leaseAt); at.After(now) {
			next = sooner(next, at)
			continue
		}
		due, when[row.Patient] = append(due, row.Patient), one.due()
	}
	p.patients = kept
	slices.SortFunc(due, func(a, b string) int { return cmp.Or(when[a].Compare(when[b]), cmp.Compare(a, b)) })
	return due, next, true, nil
}

// sooner is the earlier of two moments; a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// publish publishes for some patients, one after the other, until its turn is over. With look
// the hub is read also where it should hold the newest.
func (p *Publisher) publish(ctx context.Context, due []string, look bool) {
	if err := p.take(ctx); err != nil {
		return
	}
	defer p.give()
	ends := p.Now().Add(turnLength)
	err := p.alone(ctx, func(ctx context.Context) error {
		for _, patient := range due {
			if ctx.Err() != nil || p.urgent.Load() > 0 || p.resting() || p.Now().After(ends) {
				return nil
			}
			digest, err := p.attempt(ctx, patient, attempt{look: look || p.foreign(patient)})
			p.note(ctx, patient, digest, err)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		p.Logger.Info("nothing was published in this turn", "reason", err)
	}
}

// alone lets do run under the lease and after a proof. While another desk has it, and for a
// moment after any failure, this one asks no more.
func (p *Publisher) alone(ctx context.Context, do func(context.Context) error) error {
	err := p.Desk.Alone(ctx, lease, func(ctx context.Context) error {
		p.setHolder("", time.Time{})
		proving, cancel := context.WithTimeout(ctx, proof)
		defer cancel()
		if err := p.Desk.Prove(proving); err != nil {
			return err
		}
		return do(ctx)
	})
	wait := p.Now().Add(askAgain/4 + p.Jitter(askAgain*3/4))
	var taken *events.LeaseTakenError
	switch {
	case errors.As(err, &taken):
		p.setHolder(taken.Device, wait)
	case err != nil:
		p.setHolder("", wait)
	default: // others first
		p.setHolder("", p.Now().Add(p.Jitter(pace)))
	}
	return err
}

func (p *Publisher) setHolder(device string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holder, p.leaseAt = device, until
}

// foreign reports whether the hub held another's at the last look.
func (p *Publisher) foreign(patient string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.patients[patient]
	return one != nil && one.trouble == standing.Foreign
}

func (p *Publisher) resting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hub.down() && p.Now().Before(p.hub.next)
}

// take takes the turn within this desk.
func (p *Publisher) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *Publisher) give() { <-p.turn }

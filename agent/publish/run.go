package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/sumehr/standing"
)

const (
	lease = "sumehr"
	// pace is how long after a look at the table the next one waits at least; of a long table
	// paces times as long as the look took.
	pace  = time.Second
	paces = 20
	// turnLength is how long one desk publishes before it lets others: what is left comes in its next turn.
	turnLength = 30 * time.Second
	// askAgain bounds how long a desk waits for one that publishes.
	askAgain = 4 * time.Second
	// proof is how long the light may take to be green under the lease.
	proof = 15 * time.Second
)

// Run publishes what is due until ctx ends; it then returns nil.
func (p *Publisher) Run(ctx context.Context, table Table) error {
	p.pollAt = p.config.Now().Add(p.config.Jitter(pollEvery))
	var others []string // of whom the hub seems to hold something else than is recorded
	for ctx.Err() == nil {
		changed, began := p.config.Desk.Changed(), time.Now() // taken before looking, so that nothing falls between
		due, next, level, err := p.look(ctx, table)
		rest := max(pace, paces*time.Since(began))
		if err != nil && ctx.Err() == nil {
			p.config.Logger.Warn("what is to be published could not be read", "error", err)
			next = p.config.Now().Add(p.config.Retry)
		}
		if level && len(due) == 0 && !p.config.Now().Before(p.askAt()) {
			others = p.poll(ctx, table)
		}
		second, secondAt := p.secondLooks()
		for _, patient := range second {
			if !slices.Contains(others, patient) {
				others = append(others, patient)
			}
		}
		switch {
		case len(due) > 0:
			p.publish(ctx, due, false)
			next = p.config.Now()
		case level && len(others) > 0:
			if tried := p.publish(ctx, others, true); tried > 0 {
				others, next = others[tried:], p.config.Now() // what that came to may have to be tried again
			}
		}
		sleep(ctx, rest)
		if level {
			next = sooner(sooner(next, p.askAt()), secondAt)
		}
		if level && len(others) > 0 {
			next = sooner(next, p.free())
		}
		p.rest(ctx, changed, next)
	}
	return nil
}

// rest waits for a change, for a moment (zero: none), or until it is asked.
func (p *Publisher) rest(ctx context.Context, changed <-chan struct{}, until time.Time) {
	var alarm <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(max(0, until.Sub(p.config.Now())))
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
	status, err := p.config.Desk.Status(ctx)
	if err != nil || status.Color != light.Online || status.Incomplete {
		return nil, time.Time{}, false, err
	}
	rows, _, err := table.List(ctx)
	if err != nil {
		return nil, time.Time{}, false, err
	}
	now := p.config.Now()
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
		one.see(row.Digest, now, p.config.Quiet, p.config.Gather)
		at := one.due()
		if at.IsZero() {
			continue
		}
		if at = later(at, p.freeAt()); at.After(now) {
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
// the hub is read also where it should hold the newest. It returns for how many it was tried.
func (p *Publisher) publish(ctx context.Context, due []string, look bool) (tried int) {
	if p.free().After(p.config.Now()) || p.take(ctx) != nil {
		return 0
	}
	defer p.give()
	ends := p.config.Now().Add(turnLength)
	err := p.alone(ctx, func(ctx context.Context) error {
		for _, patient := range due {
			if ctx.Err() != nil || p.urgent.Load() > 0 || p.resting() || p.config.Now().After(ends) {
				return nil
			}
			tried++
			digest, err := p.attempt(ctx, patient, way{look: look || p.doubtful(patient)})
			p.note(ctx, patient, digest, err)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		p.config.Logger.Info("nothing was published in this turn", "reason", hub.Quiet(err))
	}
	return tried
}

// alone lets do run under the lease and after a proof. While another desk has it, and for a
// moment after any failure, this one asks no more.
func (p *Publisher) alone(ctx context.Context, do func(context.Context) error) error {
	err := p.config.Desk.Alone(ctx, lease, func(ctx context.Context) error {
		p.setHolder("", time.Time{})
		proving, cancel := context.WithTimeout(ctx, proof)
		defer cancel()
		if err := p.config.Desk.Prove(proving); err != nil {
			return err
		}
		return do(ctx)
	})
	wait := p.config.Now().Add(askAgain/4 + p.config.Jitter(askAgain*3/4))
	var taken *events.LeaseTakenError
	switch {
	case errors.As(err, &taken):
		p.setHolder(taken.Device, wait)
	case err != nil:
		p.setHolder("", wait)
	default: // others first
		p.setHolder("", p.config.Now().Add(p.config.Jitter(pace)))
	}
	return err
}

func (p *Publisher) setHolder(device string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holder, p.leaseAt = device, until
}

// doubtful reports whether the hub held something else beside ours, or in its place, at the last
// look: then it is read also where it holds the newest.
func (p *Publisher) doubtful(patient string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.patients[patient]
	return one != nil && (one.trouble == standing.Foreign || one.trouble == standing.Twice)
}

// resting reports whether the hub is down, and is left alone for now.
func (p *Publisher) resting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hub.down() && p.config.Now().Before(p.hub.next)
}

// free is when this desk may publish next: when the hub is asked again, and another desk may be
// done.
func (p *Publisher) free() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.freeAt()
}

// freeAt is free; p.mu is held.
func (p *Publisher) freeAt() time.Time {
	if p.hub.down() {
		return later(p.leaseAt, p.hub.next)
	}
	return p.leaseAt
}

// take takes the turn within this desk.
func (p *Publisher) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for what this desk publishes at this moment: %w", context.Cause(ctx))
	}
}

func (p *Publisher) give() { <-p.turn }

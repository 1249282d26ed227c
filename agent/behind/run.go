package behind

import (
	"context"
	"time"
)

// gather is how long after a look at the records the next one waits, so that what is written
// quickly is judged once.
const gather = 200 * time.Millisecond

// Run keeps the count true until ctx ends; it then returns nil. An error of the store is
// said, and it is tried again at the next change. While the desk reads or sends what a person
// waits for nothing is judged, nor before the log was read to its end once: every dossier
// would be judged many times.
func (t *Table) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := t.desk.Changed() // taken before looking, so that nothing falls between
		if err := t.refresh(ctx); err != nil && ctx.Err() == nil {
			t.log.Warn("the Sumehrs that are behind could not be judged", "error", err)
		}
		t.seen.Store(&changed)
		pause(ctx, gather)
		midnight := time.NewTimer(untilMidnight(t.now()))
		select {
		case <-changed:
		case <-midnight.C:
		case <-ctx.Done():
		}
		midnight.Stop()
	}
	return nil
}

// Stale reports whether something changed that Run has not judged yet, and will soon.
func (t *Table) Stale() bool {
	seen := t.seen.Load()
	if seen == nil {
		return false // it does not run
	}
	select {
	case <-*seen:
		return true
	default:
		return false
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (t *Table) refresh(ctx context.Context) error {
	status, err := t.desk.Status(ctx)
	if err != nil || status.Incomplete || status.Activity != nil {
		return err
	}
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()
	return t.catchUp(ctx)
}

// untilMidnight is how long the day of a moment lasts from there.
func untilMidnight(now time.Time) time.Duration {
	year, month, day := now.Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, now.Location()).Sub(now)
}

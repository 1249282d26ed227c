package leasing

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// Line keeps one message per lease, the latest.
type Line interface {
	// Last reads it from the leader; events.ErrNoMessage where there is none.
	Last(ctx context.Context, name string) (events.Stored, error)
	// Put replaces it where it is the one at after (0: none), once. Errors as those of
	// writing.Line.Publish.
	Put(ctx context.Context, name string, data []byte, after uint64) (uint64, error)
	// Now is the broker's clock.
	Now(ctx context.Context) (time.Time, error)
}

// entry is what stands in a lease's message; Length 0: given back.
type entry struct {
	Device string        `json:"device"`
	Length time.Duration `json:"length_ns"`
	ID     string        `json:"id"` // by which its writer knows it again
}

// Longest is the longest lease: who dies with it keeps the others waiting that long.
const Longest = 24 * time.Hour

// attempts bounds how often one change of a lease is sent.
const attempts = 3

// Take takes a lease that nobody holds. Who holds it already must renew it.
func Take(ctx context.Context, line Line, device, name string, length time.Duration) (events.Lease, error) {
	if err := fault(name, length); err != nil {
		return events.Lease{}, fmt.Errorf("take the lease %q: %w", name, err)
	}
	var after uint64
	last, held, err := read(ctx, line, name)
	switch {
	case err == nil:
		after = last.Sequence
		now, err := line.Now(ctx)
		if err != nil {
			return events.Lease{}, fmt.Errorf("take the lease %s: %w", name, err)
		}
		if until := last.Time.Add(held.Length); now.Before(until) {
			return events.Lease{}, &events.LeaseTakenError{Name: name, Device: held.Device, Until: until}
		}
	case !errors.Is(err, events.ErrNoMessage):
		return events.Lease{}, fmt.Errorf("take the lease %s: %w", name, err)
	}
	lease, err := put(ctx, line, device, name, length, after)
	if errors.Is(err, events.ErrLeaseLost) { // another was faster
		if last, held, err = read(ctx, line, name); err == nil {
			return events.Lease{}, &events.LeaseTakenError{Name: name, Device: held.Device, Until: last.Time.Add(held.Length)}
		}
	}
	if err != nil {
		return events.Lease{}, fmt.Errorf("take the lease %s: %w", name, err)
	}
	return lease, nil
}

// Renew lets a lease last for length from now on. One that is over, and that nobody
// has taken since, can be renewed.
func Renew(ctx context.Context, line Line, lease events.Lease, length time.Duration) (events.Lease, error) {
	if err := fault(lease.Name, length); err != nil {
		return events.Lease{}, fmt.Errorf("renew the lease %q: %w", lease.Name, err)
	}
	renewed, err := put(ctx, line, lease.Device, lease.Name, length, lease.Token)
	if err != nil {
		return events.Lease{}, fmt.Errorf("renew the lease %s: %w", lease.Name, err)
	}
	return renewed, nil
}

// Release gives a lease back; one that is lost is no error.
func Release(ctx context.Context, line Line, lease events.Lease) error {
	if _, err := put(ctx, line, lease.Device, lease.Name, 0, lease.Token); err != nil && !errors.Is(err, events.ErrLeaseLost) {
		return fmt.Errorf("give the lease %s back: %w", lease.Name, err)
	}
	return nil
}

func fault(name string, length time.Duration) error {
	if length <= 0 || length > Longest {
		return fmt.Errorf("%v: want more than nothing and at most %v", length, Longest)
	}
	return events.ValidateName("lease", name)
}

// read returns the latest message of a lease. One that cannot be read is held by
// nobody: anybody's junk must not keep a lease from the practice for ever.
func read(ctx context.Context, line Line, name string) (events.Stored, entry, error) {
	last, err := line.Last(ctx, name)
	if err != nil {
		return last, entry{}, err
	}
	var e entry
	if json.Unmarshal(last.Data, &e) != nil || e.Length < 0 || e.Length > Longest {
		e = entry{}
	}
	return last, e, nil
}

// put replaces the message at after, and reads back when the broker stored it. Where
// the outcome is unknown, the same read tells.
func put(ctx context.Context, line Line, device, name string, length time.Duration, after uint64) (events.Lease, error) {
	e := entry{Device: device, Length: length, ID: rand.Text()}
	data, err := json.Marshal(e)
	if err != nil {
		return events.Lease{}, err
	}
	var doubt error
	for range attempts {
		_, err := line.Put(ctx, name, data, after)
		switch {
		case err == nil, errors.Is(err, writing.ErrConflict):
		case errors.Is(err, events.ErrUnknownOutcome):
			doubt = err
		case doubt != nil:
			return events.Lease{}, fmt.Errorf("%w; then: %v", doubt, err)
		default:
			return events.Lease{}, err
		}
		last, now, readErr := read(ctx, line, name)
		switch {
		case readErr != nil && !errors.Is(readErr, events.ErrNoMessage):
			return events.Lease{}, fmt.Errorf("%w: the lease cannot be read back: %v", events.ErrUnknownOutcome, readErr)
		case now.ID == e.ID:
			return events.Lease{Name: name, Device: device, Token: last.Sequence, Until: last.Time.Add(length)}, nil
		case last.Sequence != after:
			return events.Lease{}, events.ErrLeaseLost
		}
	}
	if doubt == nil {
		doubt = events.ErrUnknownOutcome
	}
	return events.Lease{}, fmt.Errorf("it was sent %d times and is not there: %w", attempts, doubt)
}

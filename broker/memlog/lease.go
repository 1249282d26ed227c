package memlog

import (
	"context"
	"time"

	"github.com/carelog/carelog/broker/internal/leasing"
	"github.com/carelog/carelog/broker/internal/writing"
	"github.com/carelog/carelog/events"
)

// TakeLease is broker.Log.TakeLease.
func (l *Log) TakeLease(ctx context.Context, name string, length time.Duration) (events.Lease, error) {
	return leasing.Take(ctx, leases{l}, l.device, name, length)
}

// RenewLease is broker.Log.RenewLease.
func (l *Log) RenewLease(ctx context.Context, lease events.Lease, length time.Duration) (events.Lease, error) {
	return leasing.Renew(ctx, leases{l}, lease, length)
}

// ReleaseLease is broker.Log.ReleaseLease.
func (l *Log) ReleaseLease(ctx context.Context, lease events.Lease) error {
	return leasing.Release(ctx, leases{l}, lease)
}

// leases is the log as package leasing sees it.
type leases struct{ *Log }

func (l leases) Last(ctx context.Context, name string) (events.Stored, error) {
	var last events.Stored
	err := l.request(ctx, func() error {
		if last = l.server.leases[name]; last.Sequence == 0 {
			return events.ErrNoMessage
		}
		return nil
	})
	return last, err
}

func (l leases) Put(ctx context.Context, name string, data []byte, after uint64) (uint64, error) {
	var sequence uint64
	err := l.submit(ctx, false, func() error {
		s := l.server
		if s.leases[name].Sequence != after {
			return writing.ErrConflict
		}
		s.tokens++
		sequence = s.tokens
		s.leases[name] = events.Stored{Sequence: sequence, Time: s.now(), Message: events.Message{Data: data}}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return sequence, nil
}

// Now moves on even where time stands still, as nothing is stored at one time twice.
func (l leases) Now(ctx context.Context) (now time.Time, err error) {
	err = l.request(ctx, func() error {
		now = l.server.now()
		return nil
	})
	return now, err
}

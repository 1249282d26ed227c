package broker

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker/internal/leasing"
	"github.com/carelog/carelog/events"
)

// TakeLease takes the right to do, alone in the practice and for length (at most a
// day), what name stands for. *events.LeaseTakenError where it is held, be it by this
// device; further errors as in Append. The broker's clock decides when it is over.
//
// It keeps devices from doing the same work twice; it is no lock that a device which
// sleeps through its end would notice. What must not be done twice checks the token.
func (l *Log) TakeLease(ctx context.Context, name string, length time.Duration) (events.Lease, error) {
	return leasing.Take(ctx, leases{l}, l.device, name, length)
}

// RenewLease lets a lease last for length from now on; events.ErrLeaseLost where
// another has taken it.
func (l *Log) RenewLease(ctx context.Context, lease events.Lease, length time.Duration) (events.Lease, error) {
	return leasing.Renew(ctx, leases{l}, lease, length)
}

// ReleaseLease gives a lease back; one that is lost is no error.
func (l *Log) ReleaseLease(ctx context.Context, lease events.Lease) error {
	return leasing.Release(ctx, leases{l}, lease)
}

// leases is the log as package leasing sees it.
type leases struct{ *Log }

func (l leases) Last(ctx context.Context, name string) (events.Stored, error) {
	return l.get(ctx, streamTrail, getRequest{LastFor: leaseSubject(l.practice, name)})
}

func (l leases) Put(ctx context.Context, name string, data []byte, after uint64) (uint64, error) {
	return l.publish(ctx, &nats.Msg{Subject: leaseSubject(l.practice, name), Data: data,
		Header: nats.Header{expectSubject: []string{strconv.FormatUint(after, 10)}}})
}

func (l leases) Now(ctx context.Context) (time.Time, error) {
	state, err := l.State(ctx)
	return state.Now, err
}

package agent

import (
	"context"
	"time"

	"github.com/carelog/carelog/events"
)

// Alone lets do run while no other device of the practice does what name stands for. What do
// is given ends with the session with the server, and where the lease is lost: whatever it
// began by then another desk may begin as well. Errors, beside those of do and of the line:
// ErrNotLevel, *events.LeaseTakenError where it is done at this moment, be it by this desk.
func (a *Agent) Alone(ctx context.Context, name string, do func(context.Context) error) error {
	return a.inSession(ctx, func(ctx context.Context, s *session) error { return s.alone(ctx, name, do) })
}

// inSession lets do run in the session under way, which waits for it; what do is given ends
// with the session. ErrNotLevel where there is none in which this desk is level.
func (a *Agent) inSession(ctx context.Context, do func(context.Context, *session) error) error {
	s, err := a.level(ctx)
	if err != nil {
		return err
	}
	defer s.makers.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.over, func() { cancel(context.Cause(s.over)) })()
	return do(ctx, s)
}

// alone lets do run under a lease.
func (s *session) alone(ctx context.Context, name string, do func(context.Context) error) error {
	lease, err := s.log.TakeLease(ctx, name, s.agent.config.Lease)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		lease = s.hold(ctx, lease, cancel)
	}()
	defer func() {
		cancel(nil)
		<-held
		// That others can go on at once is worth a try; else the lease runs out.
		if failed := s.log.ReleaseLease(context.WithoutCancel(ctx), lease); failed != nil {
			s.agent.log.Info("lease not released", "lease", name, "err", failed)
		}
	}()
	return do(ctx)
}

// hold renews the lease until ctx ends, and ends ctx where it is lost.
func (s *session) hold(ctx context.Context, lease events.Lease, lost context.CancelCauseFunc) events.Lease {
	length := s.agent.config.Lease
	tick := time.NewTicker(length / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return lease
		case <-tick.C:
		}
		renewed, err := s.log.RenewLease(ctx, lease, length)
		if err != nil {
			lost(err)
			return lease
		}
		lease = renewed
	}
}

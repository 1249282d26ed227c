package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/carelog/carelog/events"
)

// A disk that was put back is said for a day: that is the time to look for what is missing, which
// this desk cannot know. Where two PCs use one enrolment, it is found out, and said, anew.
const (
	warnRestored = "device-restored"
	restoredFor  = 24 * time.Hour
)

// align finds out whether this device's chain went on without its outbox: then the
// PC's disk came back from an older copy, and what is queued bears numbers that the
// log has given already. It gets new ones before anything is sent.
func (a *Agent) align(ctx context.Context) error {
	if err := a.lockWriting(ctx); err != nil {
		return err
	}
	defer a.unlockWriting()
	a.outbox.Unsend() // all is read that was there: what was acknowledged and has not come was lost again
	inLog, err := a.store.ChainInLog(ctx, a.config.Enrolment.Device)
	if err != nil {
		return err
	}
	if err := a.confirmArrived(ctx, inLog); err != nil {
		return err
	}
	if err := a.findUnsent(ctx); err != nil {
		return err
	}
	here := a.outbox.Next()
	pending, err := a.outbox.Pending(ctx, 0, 1)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		first, err := pending[0].Event()
		if err != nil {
			return err
		}
		here = first.Chain
	}
	if inLog == here || inLog.Counter < here.Counter {
		return nil
	}
	renewed, err := a.outbox.Rechain(ctx, inLog, a.renew)
	if err != nil {
		return err
	}
	a.clearWarning(warnRestored)
	a.warn(warnRestored, "This PC's disk holds an older state than the server has seen of it: it was put back from a copy, or set up a second time. %s numbered anew to be sent. What was entered here after that copy was made and had not reached the server is not on this PC any more. If two PCs use one enrolment, enrol one of them again.", changesWere(len(renewed)))
	return a.replaceQueued(ctx, renewed...)
}

func changesWere(n int) string {
	if n == 1 {
		return "1 queued change was"
	}
	return fmt.Sprintf("%d queued changes were", n)
}

// confirmArrived takes out of the outbox what the log has, which goes on with inLog.
// Nearly always that is done already; but what is read from the log is in the
// projection a moment before it is out of the outbox, and a kill can come between.
func (a *Agent) confirmArrived(ctx context.Context, inLog events.Chain) error {
	for {
		first, err := a.outbox.Pending(ctx, 0, 1)
		if err != nil || len(first) == 0 || first[0].Counter >= inLog.Counter {
			return err // and so is all that comes after it
		}
		pending, err := a.outbox.Pending(ctx, 0, events.MaxBatch)
		if err != nil {
			return err
		}
		var old []events.ID
		counters := make(map[events.ID]uint64)
		for _, p := range pending {
			if p.Counter < inLog.Counter {
				old = append(old, p.ID)
				counters[p.ID] = p.Counter
			}
		}
		arrived, err := a.store.InLog(ctx, old...)
		if err != nil || len(arrived) == 0 {
			return err
		}
		confirmed := make([]uint64, len(arrived))
		for i, id := range arrived {
			confirmed[i] = counters[id]
		}
		if err := a.outbox.Confirm(ctx, confirmed...); err != nil {
			return err
		}
	}
}

// applied is called by the replica after every commit. Own events that were read leave
// the outbox, all of a batch at once.
func (a *Agent) applied(ctx context.Context, confirmed []*events.Event, _ []events.Record) error {
	defer a.changed.fire()
	own := confirmed[:0:0]
	for _, e := range confirmed {
		if e.Device == a.config.Enrolment.Device {
			own = append(own, e)
		}
	}
	return a.outbox.Arrived(ctx, own...)
}

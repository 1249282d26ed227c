package logtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
)

func leaseCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){
		"Lease": testLease, "LeaseExpires": testLeaseExpires, "LeaseRace": testLeaseRace, "LeaseUnknown": testLeaseUnknown,
	}
}

func take(t testing.TB, l Log, length time.Duration) events.Lease {
	t.Helper()
	lease, err := l.TakeLease(t.Context(), "snapshot", length)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func wantTaken(t testing.TB, l Log, by string) {
	t.Helper()
	_, err := l.TakeLease(t.Context(), "snapshot", time.Minute)
	var taken *events.LeaseTakenError
	if !errors.As(err, &taken) || taken.Device != by || taken.Name != "snapshot" || taken.Until.IsZero() {
		t.Errorf("error %v, want that %s has it", err, by)
	}
}

func testLease(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	before, err := mine.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := take(t, mine, time.Minute)
	if first.Name != "snapshot" || first.Device != "desk-1" || first.Until.Before(before.Now.Add(time.Minute)) {
		t.Errorf("lease %+v, want one of desk-1 for a minute", first)
	}
	wantTaken(t, theirs, "desk-1")
	wantTaken(t, mine, "desk-1")
	if _, err := theirs.TakeLease(t.Context(), "other", time.Minute); err != nil {
		t.Errorf("another lease: %v", err)
	}
	second, err := mine.RenewLease(t.Context(), first, time.Hour)
	if err != nil || second.Token <= first.Token || !second.Until.After(first.Until) {
		t.Errorf("renewed %+v, %v; want a later one than %+v", second, err, first)
	}
	_, err = mine.RenewLease(t.Context(), first, time.Hour)
	wantError(t, err, events.ErrLeaseLost)
	for range 2 { // the second one is lost, which is no error
		if err := mine.ReleaseLease(t.Context(), second); err != nil {
			t.Error(err)
		}
	}
	third := take(t, theirs, time.Minute)
	if third.Token <= second.Token {
		t.Errorf("token %d after %d, want a larger one", third.Token, second.Token)
	}
	_, err = mine.RenewLease(t.Context(), second, time.Hour)
	wantError(t, err, events.ErrLeaseLost)
	for _, length := range []time.Duration{0, -time.Second, 25 * time.Hour} {
		if _, err := mine.TakeLease(t.Context(), "third", length); err == nil {
			t.Errorf("a lease of %v is given", length)
		}
	}
}

// One that is over is anybody's, and its holder's until then.
func testLeaseExpires(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	over := take(t, mine, time.Nanosecond)
	again, err := mine.RenewLease(t.Context(), over, time.Nanosecond)
	if err != nil {
		t.Errorf("one that nobody has taken since: %v", err)
	}
	taken := take(t, theirs, time.Minute)
	_, err = mine.RenewLease(t.Context(), again, time.Minute)
	wantError(t, err, events.ErrLeaseLost)
	if err := mine.ReleaseLease(t.Context(), again); err != nil {
		t.Error(err)
	}
	wantTaken(t, mine, "desk-2")
	if err := theirs.ReleaseLease(t.Context(), taken); err != nil {
		t.Error(err)
	}
}

func testLeaseRace(t *testing.T, w World) {
	const desks = 4
	var all sync.WaitGroup
	won := make(chan events.Lease, desks)
	for i := range desks {
		d := w.Device(fmt.Sprintf("desk-%d", i))
		all.Go(func() {
			lease, err := d.TakeLease(t.Context(), "snapshot", time.Minute)
			var taken *events.LeaseTakenError
			switch {
			case err == nil:
				won <- lease
			case !errors.As(err, &taken):
				t.Errorf("desk %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Errorf("%d desks have the lease, want 1", len(won))
	}
}

// Failed, and failed but taken: it is over by itself, or can be found out.
func testLeaseUnknown(t *testing.T, w World) {
	d := w.Device("desk-1")
	first := take(t, d, time.Minute)
	d.CutIncoming()
	_, err := d.RenewLease(t.Context(), first, time.Minute)
	wantError(t, err, events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	wantTaken(t, d, "desk-1")
	d.Cut()
	d.Await(false)
	_, err = d.TakeLease(t.Context(), "snapshot", time.Minute)
	wantError(t, err, events.ErrOffline)
	wantError(t, d.ReleaseLease(t.Context(), first), events.ErrOffline)
}

package broker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/broker"
)

// An answer that does not come is waited for as long as the line carries others, but not for
// ever: it may be lost, and the line busy all day.
func TestImpatience(t *testing.T) {
	const patience = 2 * time.Second
	busyFor := func(long time.Duration, each uint64) func(time.Duration) uint64 {
		return func(at time.Duration) uint64 { return uint64(min(at, long)/patience) * each }
	}
	for name, c := range map[string]struct {
		carried     func(at time.Duration) uint64
		least, most time.Duration // after which it is given up
	}{
		"a quiet line":                      {busyFor(0, 0), patience, patience},
		"a line with signs of life alone":   {busyFor(time.Hour, broker.BusyLine-1), patience, patience},
		"a line that was busy for a while":  {busyFor(3*patience, broker.BusyLine), 4 * patience, 4 * patience},
		"a busy line and an answer is lost": {busyFor(time.Hour, broker.BusyLine), broker.LongestWait, broker.LongestWait + 2*patience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				givenUp := make(chan error, 1)
				stop := broker.Impatience(patience, func() uint64 { return c.carried(time.Since(began)) }, func(err error) { givenUp <- err })
				defer stop()
				err := <-givenUp
				if took := time.Since(began); err == nil || took < c.least || took > c.most {
					t.Errorf("given up after %v with %v, want it between %v and %v", took, err, c.least, c.most)
				}
				if want := "no answer within " + c.least.String(); c.least == c.most && err.Error() != want {
					t.Errorf("%v, want %s: the same words each time", err, want)
				}
			})
		})
	}
}

// The library that asks for us does not give up before: a busy line of 1 Mbit/s keeps an answer for longer than
// the five seconds that it waits of itself.
func TestTheLibraryIsNotMoreImpatient(t *testing.T) {
	c := broker.Config{Practice: "p1", Device: "desk-1", URLs: []string{"nats://127.0.0.1:1"}, Timeout: 2 * time.Second}
	l, err := broker.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got, want := l.LibraryPatience(), broker.LongestWait+2*c.Timeout; got < want {
		t.Errorf("it gives up after %v, and we after %v at most", got, want)
	}
}

func TestWhoeverHasTheAnswerIsNotImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := broker.Impatience(time.Second, func() uint64 { return 0 }, func(err error) { t.Errorf("given up: %v", err) })
		time.Sleep(time.Second - 1) // virtual
		stop()
		time.Sleep(time.Hour)
	})
}

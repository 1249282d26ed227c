package replica_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// gappy is a log whose server has lost something far behind its end.
type gappy struct {
	*memlog.Log
	lost uint64
}

func (l *gappy) State(ctx context.Context) (events.LogState, error) {
	state, err := l.Log.State(ctx)
	state.Counted, state.Lost = state.Last, l.lost
	return state, err
}

// A loss that can be seen only at the end of the log is not forgotten when something is written
// there, until the log is read again; then it is not missed twice.
func TestALossHoldsUntilTheLogIsReadAgain(t *testing.T) {
	ctx := t.Context()
	store, err := projections.Open(ctx, filepath.Join(t.TempDir(), "record.db"), projections.Options{Practice: logtest.Practice})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	r, err := replica.Open(ctx, replica.Config{
		Practice: logtest.Practice, Store: store, Ring: events.NewKeyring(events.Key{}),
		Applied: func(context.Context, []*events.Event, []events.Record) error { return nil },
		Judged:  func() {},
		Warn:    func(string, string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &gappy{Log: memlog.NewServer(logtest.Practice).Client("one")}
	written := uint64(0)
	write := func() {
		t.Helper()
		if written, err = log.Append(ctx, logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", written))); err != nil {
			t.Fatal(err)
		}
	}
	agree := func(want bool) (events.LogState, replica.Loss) {
		t.Helper()
		state, loss, err := r.Agree(ctx, log)
		if err != nil || (loss != "") != want {
			t.Fatalf("a loss %q, %v; want one: %v", loss, err, want)
		}
		return state, loss
	}
	read := func(state events.LogState, loss replica.Loss) {
		t.Helper()
		if err := r.Begin(ctx, state, loss); err != nil {
			t.Fatal(err)
		}
		reading, enough := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- r.Follow(reading, log, func() error { return nil }) }()
		err := r.Reach(ctx, written)
		enough()
		if <-ended; err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	read(log.mustState(t), "")
	agree(false)
	log.lost = 1
	_, seen := agree(true)
	write()
	state, loss := agree(true)
	if loss != seen {
		t.Errorf("the loss is %q now, and was %q", loss, seen)
	}
	read(state, loss)
	agree(false)
}

func (l *gappy) mustState(t *testing.T) events.LogState {
	t.Helper()
	state, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

package agent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// What one desk does alone no other does; it is given back at the end, and ends with the line.
func TestAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.desk("one"), w.desk("two")
		w.settled()
		ctx := context.Background()
		none := func(context.Context) error { return nil }
		err := one.Alone(ctx, "x", func(context.Context) error {
			time.Sleep(10 * time.Minute) // the lease is renewed
			for _, m := range []*machine{one, two} {
				var taken *events.LeaseTakenError
				if err := m.Alone(ctx, "x", none); !errors.As(err, &taken) || taken.Device != "one" {
					t.Errorf("desk %s meanwhile: %v", m.Name, err)
				}
			}
			return two.Alone(ctx, "y", none)
		})
		if err != nil {
			t.Error(err)
		}
		if err := two.Alone(ctx, "x", none); err != nil {
			t.Errorf("it was given back: %v", err)
		}
		broke := errors.New("broke")
		if err := two.Alone(ctx, "x", func(context.Context) error { return broke }); !errors.Is(err, broke) {
			t.Errorf("got %v", err)
		}

		err = one.Alone(ctx, "x", func(ctx context.Context) error {
			one.once((*memlog.Log).Cut)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if err == nil {
			t.Error("it goes on without a line")
		}
		if err := one.Alone(ctx, "x", none); !errors.Is(err, agent.ErrNotLevel) && !errors.Is(err, events.ErrOffline) {
			t.Errorf("without a line: %v", err)
		}
		var taken *events.LeaseTakenError
		if err := two.Alone(ctx, "x", none); !errors.As(err, &taken) {
			t.Errorf("it could not be given back: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := two.Alone(ctx, "x", none); err != nil {
			t.Errorf("when it has run out: %v", err)
		}
	})
}

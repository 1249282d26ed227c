package agent_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// mute is a line to a server that has its log, and cannot tell where the devices stand: its other
// stream is damaged, or was lost with the disk.
type mute struct {
	*memlog.Log
	is *atomic.Bool
}

func (l mute) Positions(ctx context.Context) ([]events.SignedPosition, error) {
	if l.is.Load() {
		return nil, errors.New("nats: stream not found")
	}
	return l.Log.Positions(ctx)
}

// The server lost a part of its log, and with it where the devices stand: it gets back what it lost
// all the same, and the desks are green when it can tell that again.
func TestScenario_HealedWithoutKnowingWhereTheOthersStand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var is atomic.Bool
		one := w.machine("one")
		one.wrap = func(l *memlog.Log) agent.Log { return mute{l, &is} }
		one.start()
		w.settled()
		ids := one.notes(5)
		w.settled()
		time.Sleep(time.Minute) // it has said where it stands
		had := len(w.server.Stored())
		is.Store(true)
		w.server.RollBack(2)
		time.Sleep(10 * time.Minute)
		if n := len(w.server.Stored()); n != had {
			t.Errorf("the server has %d messages after ten minutes, want all %d", n, had)
		}
		is.Store(false)
		w.settled()
		w.once(ids...)
		w.agreed()
	})
}

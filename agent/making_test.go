package agent_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// What keeps a desk from making a snapshot that is due keeps it for a while only, also where
// nothing more is written.
func TestAMakerTriesAgain(t *testing.T) {
	t.Run("after a failure", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			var failures atomic.Int64
			one := w.machine("one").snapshots(every).asking(func(context.Context) error {
				if failures.Add(1) <= 3 {
					return errors.New("something was wrong for a moment")
				}
				return nil
			})
			one.start()
			w.settled()
			notes(one, "c", 2*every)
			w.await(t, "the warning", func() bool { return warned(one, "snapshot-failed") != "" })
			w.made(t, one, 0)
			w.await(t, "the end of the warning", func() bool { return warned(one, "snapshot-failed") == "" })
		})
	})
	t.Run("less and less often", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			var mu sync.Mutex
			var tries []time.Time
			one := w.machine("one").snapshots(every).asking(func(context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				if len(tries) == 4 { // it is made
					return nil
				}
				tries = append(tries, time.Now())
				if len(tries) < 4 {
					return errors.New("the disk of the server is full, and ends it")
				}
				return nil
			})
			one.start()
			w.settled()
			notes(one, "c", 2*every)
			w.made(t, one, 0)
			mu.Lock()
			defer mu.Unlock()
			for i, least := 1, 5*time.Minute; i < len(tries); i, least = i+1, 2*least {
				if gap := tries[i].Sub(tries[i-1]); gap < least || gap > least+5*time.Minute {
					t.Errorf("try %d comes %v after the one before: want %v, or a little more", i+1, gap, least)
				}
			}
		})
	})
	t.Run("where another one died of it", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			line := w.server.Client("three")
			defer line.Close()
			if _, err := line.TakeLease(context.Background(), "snapshot", time.Minute); err != nil {
				t.Fatal(err)
			}
			one := w.machine("one").snapshots(every)
			one.start()
			w.settled()
			notes(one, "c", 2*every)
			w.made(t, one, 0)
		})
	})
	t.Run("and is told that another one made it", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			one := w.machine("one").snapshots(every).asking(func(context.Context) error { return errors.New("its line is bad") })
			one.start()
			two := w.machine("two").snapshots(-1)
			two.start()
			w.settled()
			notes(one, "c", 2*every)
			w.await(t, "the warning", func() bool { return warned(one, "snapshot-failed") != "" })
			if _, err := one.MakeSnapshot(context.Background()); err == nil || strings.Count(err.Error(), "make a snapshot") != 1 {
				t.Errorf("error %v, want that it says once what was being done", err)
			}
			if _, err := two.MakeSnapshot(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.await(t, "the end of the warning", func() bool { return warned(one, "snapshot-failed") == "" })
		})
	})
}

// What counts is how far the log has grown since the newest snapshot, and not since this session began.
func TestTheTailGrowsAcrossSessions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		at := w.made(t, one, 0)
		for n := 0; one.Now().Position.Sequence < at+every-5; n++ {
			notes(one, fmt.Sprintf("before%d-", n), 1)
			w.settled()
		}
		one.stop()
		one.start()
		w.settled()
		time.Sleep(time.Hour) // it has looked, and none was due
		notes(one, "after", 5)
		if next := w.made(t, one, at); next >= at+2*every {
			t.Errorf("the next one is at %d after the one at %d, with %d between them", next, at, every)
		}
	})
}

func TestTwoDesksDoNotMakeOneAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		filled(t, w)
		one, two, open := w.machine("first"), w.machine("second"), make(chan struct{})
		type end struct {
			desk string
			made agent.Snapshot
			err  error
		}
		ends := make(chan end, 2)
		for _, m := range []*machine{one, two} {
			m.snapshots(-1).asking(func(ctx context.Context) error {
				select {
				case <-open:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}).start()
		}
		w.settled()
		for _, m := range []*machine{one, two} {
			go func() {
				made, err := m.MakeSnapshot(context.Background())
				ends <- end{m.Name, made, err}
			}()
		}
		refused := <-ends
		close(open)
		maker := <-ends
		var taken *events.LeaseTakenError
		if !errors.As(refused.err, &taken) || taken.Device != maker.desk {
			t.Errorf("desk %s: %v; want that desk %s makes one", refused.desk, refused.err, maker.desk)
		}
		list, err := one.Snapshots(context.Background())
		if maker.err != nil || err != nil || len(list) != 2 || list[0].ID != maker.made.ID {
			t.Errorf("desk %s: %v; snapshots: %+v, %v; want one more", maker.desk, maker.err, list, err)
		}
	})
}

func TestAMakerThatDiedKeepsNobodyForLong(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		two := w.machine("two").snapshots(every)
		two.start()
		w.settled()
		ctx := context.Background()
		line := w.server.Client("three")
		defer line.Close()
		if _, err := line.TakeLease(ctx, "snapshot", time.Minute); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*machine{one, two} {
			var taken *events.LeaseTakenError
			if _, err := m.MakeSnapshot(ctx); !errors.As(err, &taken) || taken.Device != "three" {
				t.Errorf("desk %s: %v; want that device three makes one", m.Name, err)
			}
		}
		time.Sleep(2 * time.Minute) // the maker was killed: its lease runs out
		made, err := two.MakeSnapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		list, err := one.Snapshots(ctx)
		if err != nil || len(list) != 2 || list[0].ID != made.ID {
			t.Errorf("snapshots: %+v, %v; want that of desk two first", list, err)
		}
		two.offline()
		if _, err := two.MakeSnapshot(ctx); !errors.Is(err, agent.ErrNotLevel) {
			t.Errorf("make offline: %v, want %v", err, agent.ErrNotLevel)
		}
	})
}

// gate is a line whose uploads, or whose log, stand still while the flag is set.
type gate struct {
	*memlog.Log
	uploads, log *atomic.Bool
}

func (l gate) PutObject(ctx context.Context, name string, data []byte) error {
	if l.uploads.Load() {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return l.Log.PutObject(ctx, name, data)
}

func (l gate) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for m, err := range l.Log.Read(ctx, from) {
			if l.log.Load() {
				<-ctx.Done()
				return
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

func (m *machine) gated() (uploads, log *atomic.Bool) {
	uploads, log = new(atomic.Bool), new(atomic.Bool)
	m.wrap = func(l *memlog.Log) agent.Log { return gate{l, uploads, log} }
	return uploads, log
}

// A snapshot that somebody asked for is not made any longer than the desk is connected.
func TestMakingEndsWithTheSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.machine("one").snapshots(-1)
		uploads, _ := one.gated()
		one.start()
		w.settled()
		uploads.Store(true)
		made := make(chan error, 1)
		go func() {
			_, err := one.MakeSnapshot(context.Background())
			made <- err
		}()
		time.Sleep(worldInterval)
		one.offline()
		began := time.Now()
		if err := <-made; err == nil || time.Since(began) > worldInterval {
			t.Errorf("it ended %v after the session: %v", time.Since(began), err)
		}
	})
}

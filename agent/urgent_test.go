package agent_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// gated is a line on which the log begins, and a dossier comes, when it is let.
type gated struct {
	*memlog.Log
	read, dossier chan struct{}
}

func (l gated) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return behind(ctx, l.read, l.Log.Read(ctx, from))
}

func (l gated) Dossier(ctx context.Context, patient string, from uint64) iter.Seq2[events.Stored, error] {
	return behind(ctx, l.dossier, l.Log.Dossier(ctx, patient, from))
}

func behind(ctx context.Context, gate chan struct{}, messages iter.Seq2[events.Stored, error]) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		select {
		case <-gate:
			messages(yield)
		case <-ctx.Done():
			yield(events.Stored{}, context.Cause(ctx))
		}
	}
}

// As long as somebody waits for a dossier the mass of the log leaves it the line.
func TestTheLogWaitsForADossierThatIsOpened(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		for i := range 20 {
			one.register(fmt.Sprintf("x%d", i))
		}
		two := w.machine("two")
		read, dossier := make(chan struct{}), make(chan struct{})
		two.wrap = func(l *memlog.Log) agent.Log { return gated{l, read, dossier} }
		two.start()
		opened := make(chan error, 1)
		go func() { opened <- two.Need(t.Context(), "x3") }()
		synctest.Wait()
		close(read)
		synctest.Wait()
		if at := two.Now().Position.Sequence; at != 0 {
			t.Errorf("the read went on to %d while a dossier was waited for", at)
		}
		close(dossier)
		if err := <-opened; err != nil {
			t.Error(err)
		}
		w.settled()
		w.agreed()
	})
}

// shared is the line of a session, on which dossiers are counted.
type shared struct {
	trickle
	dossiers *atomic.Int64
}

func (l shared) Dossier(ctx context.Context, patient string, from uint64) iter.Seq2[events.Stored, error] {
	l.dossiers.Add(1)
	return l.trickle.Dossier(ctx, patient, from)
}

// The first dossier that is opened waits for the line that is made for it, since on the other one it stands behind
// the mass; where that line does not come, it has the other one while there is patience left.
func TestTheFirstDossierWaitsForItsOwnLine(t *testing.T) {
	for name, comes := range map[string]time.Duration{"a line that comes": time.Second, "one that does not": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				one := w.desk("one")
				w.settled()
				drafts := make([]agent.Draft, 300)
				for i := range drafts {
					id := fmt.Sprintf("c%d", i)
					drafts[i] = agent.Draft{Record: agenttest.Condition(id), Patient: fmt.Sprintf("p%d", i), Body: agenttest.Body(id, "asthma")}
				}
				if _, err := one.WriteMany(t.Context(), drafts); err != nil {
					t.Fatal(err)
				}
				w.settled()
				var dossiers, left atomic.Int64 // nothing of the log comes
				two, run, lines := w.machine("two"), &program{}, 0
				two.run = run
				two.Config.Connect = func(_ context.Context, report func(bool, error)) (agent.Log, error) {
					if lines++; lines == 1 {
						return shared{trickle{two.connect(run, report), &left}, &dossiers}, nil
					}
					own := w.server.Client("two")
					time.AfterFunc(comes, func() { own.OnConnection(report) })
					return own, nil
				}
				two.Desk.Start()
				if err := two.Need(t.Context(), "p7"); err != nil {
					t.Error(err)
				}
				if asked := dossiers.Load(); (asked == 0) != (comes == time.Second) {
					t.Errorf("%d dossiers were asked for on the line of the log", asked)
				}
			})
		})
	}
}

// An agenda that is given while the line of what is fetched ahead is being made is not done: what it names may be behind.
func TestAnAgendaBeforeItsLineIsNotDone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.desk("one"), w.desk("two")
		one.register("p7")
		w.settled()
		two.stop()
		drafts := make([]agent.Draft, 300)
		for i := range drafts {
			id := fmt.Sprintf("c%d", i)
			drafts[i] = agent.Draft{Record: agenttest.Condition(id), Patient: "p7", Body: agenttest.Body(id, "asthma")}
		}
		if _, err := one.WriteMany(t.Context(), drafts); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var left atomic.Int64 // nothing of the log comes
		run, lines := &program{}, 0
		two.run = run
		two.Config.Connect = func(_ context.Context, report func(bool, error)) (agent.Log, error) {
			if lines++; lines == 1 {
				return trickle{two.connect(run, report), &left}, nil
			}
			own := w.server.Client("two")
			time.AfterFunc(time.Second, func() { own.OnConnection(report) })
			return own, nil
		}
		two.Desk.Start()
		synctest.Wait()
		if err := two.Prefetch([]string{"p7"}); err != nil {
			t.Fatal(err)
		}
		if got := two.Now().Prefetch; got == nil || *got != (agent.Prefetch{Total: 1}) {
			t.Errorf("before its line stands the agenda is at %+v", got)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := two.Now().Prefetch; got == nil || *got != (agent.Prefetch{Done: 1, Total: 1}) {
			t.Errorf("then it is at %+v", got)
		}
	})
}

// A program that opens one dossier after the other leaves a first read a part of the line.
func TestTheRestHasItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u agent.Urgent
		const lasts, each = time.Minute, 10 * time.Millisecond
		end := time.Now().Add(lasts)
		go func() {
			for time.Now().Before(end) {
				done := u.Wait()
				time.Sleep(time.Second)
				done()
			}
		}()
		synctest.Wait()
		messages := 0
		for time.Now().Before(end) {
			u.GoFirst(t.Context())
			time.Sleep(each)
			messages++
		}
		all, least := int(lasts/each), int(90*agent.RestTurn/(agent.UrgentFirst+agent.RestTurn))
		if share := 100 * messages / all; share < least || share > 50 {
			t.Errorf("%d %% of the messages came beside the dossiers", share)
		}
	})
}

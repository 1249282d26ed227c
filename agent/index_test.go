package agent_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// A desk that ended before its records were indexed goes on when it runs again, without the
// server too, says how far it is, and loses nothing of what is typed meanwhile.
func TestTheIndexIsCompletedWithoutTheServer(t *testing.T) {
	ctx := context.Background()
	p := newPractice(t)
	one := p.desk("one")
	one.AwaitGreen()
	for _, id := range []string{"c1", "c2", "c3"} {
		one.MustNote(id, "asthma")
	}
	if err := one.WorkOffline(ctx); err != nil {
		t.Fatal(err)
	}
	one.Stop()
	unindexed(t, one.Config.Data)

	desk, err := agent.Open(ctx, one.Config)
	if err != nil {
		t.Fatal(err)
	}
	before, err := desk.Status(ctx)
	if err != nil || before.Index == nil || before.Index.Done != 0 || before.Index.Total < 3 {
		t.Errorf("before: %+v, %v", before.Index, err)
	}
	if err := desk.Close(); err != nil {
		t.Fatal(err)
	}

	one.Start()
	one.MustNote("c4", "asthma")
	deadline := time.After(time.Minute)
	for {
		changed := one.Changed()
		status, err := one.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if status.Index == nil {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the index stays at %+v", status.Index)
		}
	}
	if err := one.Store().Check(ctx); err != nil {
		t.Error(err)
	}
	c, _, err := fhirsearch.Parse("Condition", "code:missing", "true", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	page, err := one.Store().Search(ctx, projections.Query{Type: "Condition", Conditions: []fhirsearch.Condition{c}})
	if err != nil || page.Partial || page.Total != 4 {
		t.Errorf("found %d, partial %v, %v", page.Total, page.Partial, err)
	}
}

// unindexed makes all records of a desk that is closed wait for their index.
func unindexed(t *testing.T, data string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, agent.ProjectionFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []string{"DELETE FROM found_by", "DELETE FROM value", "UPDATE store SET indexed = 0"} {
		if _, err := db.Exec(st); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A record that waits is told of, though a search would take it in by itself.
func TestOneThatWaitsToBeIndexedIsTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		w.settled()
		one.SetBusy(true)
		defer one.SetBusy(false)
		one.MustNote("c1", "asthma")
		s, err := one.Status(t.Context())
		if err != nil || s.Index == nil || s.Index.Total-s.Index.Done != 1 {
			t.Errorf("the index is %+v, %v: want one record that waits", s.Index, err)
		}
		one.SetBusy(false)
		time.Sleep(time.Minute)
		if s, err = one.Status(t.Context()); err != nil || s.Index != nil {
			t.Errorf("the index is %+v, %v: want it complete", s.Index, err)
		}
	})
}

// Nothing is indexed while a session does what somebody waits for, and all is after it.
func TestTheIndexRestsWhileSomebodyWaits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := w.desk("one")
		one.MustNote("c1", "asthma")
		w.settled()
		one.stop()
		unindexed(t, one.Config.Data)
		desk, err := agent.Open(t.Context(), one.Config)
		if err != nil {
			t.Fatal(err)
		}
		w.server.Stop()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		desk.SetBusy(true)
		go func() { ended <- desk.Run(ctx) }()
		for _, busy := range []bool{true, false} {
			desk.SetBusy(busy)
			time.Sleep(time.Minute)
			if s, err := desk.Status(t.Context()); err != nil || (s.Index != nil) != busy {
				t.Errorf("busy %v: the index is %+v, %v", busy, s.Index, err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := desk.Close(); err != nil {
			t.Error(err)
		}
		w.server.Start()
		one.start()
		w.settled()
	})
}

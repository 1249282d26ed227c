package replica_test

import (
	"context"
	"iter"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/carelog/carelog/agent/replica"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// letters is a log of large messages that never ends.
type letters struct {
	replica.Log
	read atomic.Int64
}

func (l *letters) Read(ctx context.Context, from uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for n := from; n < 1000; n++ {
			m := events.Stored{Sequence: n, Message: events.Message{Subject: "carelog.p1.pat-1", Data: make([]byte, events.MaxSealed)}}
			if l.read.Add(1); !yield(m, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// However large the messages are, a desk that is slow to take them in holds a few of
// them in memory, and not as many as it would of small ones.
func TestReadAheadIsBoundedInBytes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store, err := projections.Open(ctx, filepath.Join(dir, "record.db"), projections.Options{Practice: "p1"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := replica.Open(ctx, replica.Config{
			Practice: "p1", Store: store, Ring: events.NewKeyring(events.Key{}),
			Applied: func(ctx context.Context, _ []*events.Event, _ []events.Record) error {
				<-ctx.Done() // as slow as can be
				return nil
			},
			Judged: func() {},
			Warn:   func(string, string) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		log, ended := &letters{}, make(chan error, 1)
		go func() { ended <- r.Follow(ctx, log, func() error { return nil }) }()
		synctest.Wait()
		// One batch that is taken in, one that waits, one that is ready, and what is read ahead.
		if n := log.read.Load(); n > 100 {
			t.Errorf("%d messages of 1 MiB are held", n)
		}
		cancel()
		<-ended
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// trickle is a log whose messages come one by one.
type trickle struct {
	replica.Log
	coming chan events.Stored
}

func (l *trickle) Read(ctx context.Context, _ uint64) iter.Seq2[events.Stored, error] {
	return func(yield func(events.Stored, error) bool) {
		for {
			select {
			case m := <-l.coming:
				if !yield(m, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// What comes one by one while a transaction takes long goes into the next one together.
func TestWhatComesMeanwhileIsOneTransaction(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store, err := projections.Open(ctx, filepath.Join(dir, "record.db"), projections.Options{Practice: "p1"})
		if err != nil {
			t.Fatal(err)
		}
		transactions, goOn := 0, make(chan struct{})
		r, err := replica.Open(ctx, replica.Config{
			Practice: "p1", Store: store, Ring: events.NewKeyring(events.Key{}),
			Applied: func(ctx context.Context, _ []*events.Event, _ []events.Record) error {
				transactions++
				<-goOn
				return nil
			},
			Judged: func() {},
			Warn:   func(string, string) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		log, ended := &trickle{coming: make(chan events.Stored)}, make(chan error, 1)
		go func() { ended <- r.Follow(ctx, log, func() error { return nil }) }()
		const messages = 50
		for n := range uint64(messages) {
			log.coming <- events.Stored{Sequence: n + 1, Message: events.Message{Subject: "carelog.p1.pat-1"}}
			synctest.Wait()
		}
		close(goOn)
		if err := r.Reach(ctx, messages); err != nil {
			t.Error(err)
		}
		if transactions != 2 {
			t.Errorf("the first and what came meanwhile are %d transactions, want 2", transactions)
		}
		cancel()
		<-ended
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

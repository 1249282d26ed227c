package projections_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// A change that was promised before it began is in whatever is asked for after that, also where
// the question has a connection of its own, and is found by who takes it out.
func TestWhatIsAskedWaitsForWhatWasPromised(t *testing.T) {
	r := events.Record{Type: "Observation", ID: "o"}
	for name, ask := range map[string]func(context.Context, *projections.Store, events.ID) (found bool, err error){
		"a question": func(ctx context.Context, s *projections.Store, _ events.ID) (bool, error) {
			_, err := s.Record(ctx, r)
			return err == nil, err
		},
		"an export": func(ctx context.Context, s *projections.Store, _ events.ID) (found bool, err error) {
			err = s.ReadOut(ctx, projections.Want{}, projections.ReadOut{Shown: func(v projections.Listed) error {
				found = found || v.Event.Record == r
				return nil
			}})
			return found, err
		},
		"taking it out": func(ctx context.Context, s *projections.Store, id events.ID) (bool, error) {
			err := s.Remove(ctx, id)
			return err == nil, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
				defer finish(t, s)
				queued := newDesk("a").write(r, note1("gout"))
				shown, answered := make(chan struct{}), make(chan struct{})
				hurried := false
				s.Promise(shown, func() { hurried = true })
				var found bool
				var err error
				go func() {
					defer close(answered)
					found, err = ask(t.Context(), s, queued.Event.ID)
				}()
				synctest.Wait() // it has answered, or it waits
				if !hurried {
					t.Error("nobody is told that somebody waits")
				}
				apply(t, s, queued)
				close(shown)
				<-answered
				if !found || err != nil {
					t.Errorf("it was not found: %v", err)
				}
			})
		})
	}
}

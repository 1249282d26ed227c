package memlog_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
)

// run gives a test a server, and checks the log at its end.
func run(t *testing.T, test func(t *testing.T, s *memlog.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := memlog.NewServer(logtest.Practice)
		test(t, s)
		synctest.Wait()
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestDelay(t *testing.T) {
	run(t, func(t *testing.T, s *memlog.Server) {
		near, far := s.Client("desk-1"), s.Client("desk-2")
		far.Delay(time.Second)
		begin := time.Now()
		if _, err := far.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-1")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("the answer came after %v, want 2s", took)
		}
		if _, err := near.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-2")); err != nil {
			t.Fatal(err)
		}
		begin = time.Now()
		for stored, err := range far.Read(t.Context(), 2) {
			if took := time.Since(begin); err != nil || stored.Sequence != 2 || took != time.Second {
				t.Errorf("%d, %v after %v; want 2 after 1s", stored.Sequence, err, took)
			}
			break
		}
	})
}

// Failed, and then it happens: the message is slower than the writer's patience.
func TestLateArrival(t *testing.T) {
	run(t, func(t *testing.T, s *memlog.Server) {
		l := s.Client("desk-1")
		l.Delay(8 * time.Second)
		m := logtest.Event(t, "pat-1", "Condition/c-1")
		if _, err := l.AppendAfter(t.Context(), m, 0); !errors.Is(err, events.ErrUnknownOutcome) {
			t.Errorf("error %v, want that nobody knows", err)
		}
		time.Sleep(time.Minute)
		if got := len(s.Stored()); got != 1 {
			t.Fatalf("%d messages, want 1", got)
		}
		l.Mend()
		if got, err := l.AppendAfter(t.Context(), m, 0); got != 1 || err != nil {
			t.Errorf("again: %d, %v; want 1", got, err)
		}
	})
}

func TestDuplicateWindow(t *testing.T) {
	run(t, func(t *testing.T, s *memlog.Server) {
		l := s.Client("desk-1")
		m := logtest.Event(t, "pat-1", "Condition/c-1")
		for i, c := range []struct {
			after time.Duration
			want  uint64
		}{{0, 1}, {memlog.DuplicateWindow - 1, 1}, {1, 2}} {
			time.Sleep(c.after)
			if got, err := l.Append(t.Context(), m); got != c.want || err != nil {
				t.Errorf("send %d: %d, %v; want %d", i+1, got, err, c.want)
			}
		}
	})
}

func TestOnConnection(t *testing.T) {
	run(t, func(t *testing.T, s *memlog.Server) {
		l := s.Client("desk-1")
		var heard []bool
		l.OnConnection(func(connected bool, _ error) { heard = append(heard, connected) })
		l.Cut()
		l.Cut()
		s.Restart() // not heard: the line is cut
		l.Mend()
		s.Restart()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		s.Restart()
		want := []bool{true, false, true, false, true, false}
		if len(heard) != len(want) {
			t.Fatalf("heard %v, want %v", heard, want)
		}
		for i := range want {
			if heard[i] != want[i] {
				t.Fatalf("heard %v, want %v", heard, want)
			}
		}
	})
}

func TestRefuse(t *testing.T) {
	run(t, func(t *testing.T, s *memlog.Server) {
		l := s.Client("desk-1")
		bad, good := logtest.Event(t, "pat-1", "Condition/c-1"), logtest.Event(t, "pat-1", "Condition/c-2")
		badID, _ := bad.Peek()
		s.Refuse(func(m events.Message) bool { id, _ := m.Peek(); return id == badID })
		var refused *events.RefusedError
		if _, err := l.AppendAfter(t.Context(), bad, 0); !errors.As(err, &refused) {
			t.Errorf("error %v, want a refusal", err)
		}
		if got, err := l.Append(t.Context(), good); got != 1 || err != nil {
			t.Errorf("another event: %d, %v; want 1", got, err)
		}
		s.Refuse(nil)
		if got, err := l.Append(t.Context(), bad); got != 2 || err != nil {
			t.Errorf("not refused any more: %d, %v; want 2", got, err)
		}
	})
}

package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// errorLines gives the errors that are logged to a channel.
type errorLines chan slog.Record

func (errorLines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l errorLines) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l errorLines) WithGroup(string) slog.Handler                  { return l }
func (l errorLines) Handle(_ context.Context, r slog.Record) error {
	select {
	case l <- r:
	default:
	}
	return nil
}

// What a damaged file leaves is read and written on: the state names the last message that is
// there, whoever has read to it can write at the end, and who has not is told so. The
// broker says what it found.
func TestADamagedFile(t *testing.T) {
	const sent = 100
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("started again %t", again), func(t *testing.T) {
			b := brokertest.Start(t)
			device := b.Device("desk-1")
			l := device.Connect()
			for i := range sent {
				if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i))); err != nil {
					t.Fatal(err)
				}
			}
			said := make(errorLines, 16)
			b.LogTo(slog.New(said))
			b.DamageLog(.5, .6)
			awaitError(t, said, "is damaged")
			if again {
				b.Restart()
				awaitError(t, said, "are gone")
			}
			device.Await(l, true)
			state, err := l.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			left := uint64(len(b.Stored()))
			if state.Last != left || left == 0 || left >= sent || again && state.Counted != sent {
				t.Fatalf("%+v of a log that has %d messages of %d", state, left, sent)
			}
			m := logtest.Event(t, "pat-2", "Condition/back")
			if _, err := l.AppendAtEnd(t.Context(), m, left-1); !errors.Is(err, events.ErrNotAtEnd) {
				t.Errorf("who has not read the last message: %v, want ErrNotAtEnd", err)
			}
			at, err := l.AppendAtEnd(t.Context(), m, left)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.AppendAtEnd(t.Context(), logtest.Event(t, "pat-2", "Condition/late"), left); !errors.Is(err, events.ErrNotAtEnd) {
				t.Errorf("who comes second: %v, want ErrNotAtEnd", err)
			}
			if next, err := l.AppendAtEnd(t.Context(), logtest.Event(t, "pat-2", "Condition/next"), at); err != nil || next != at+1 {
				t.Errorf("the next one stands at %d, %v; want %d", next, err, at+1)
			}
		})
	}
}

// awaitError waits until an error is logged that says so.
func awaitError(t *testing.T, said errorLines, what string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case r := <-said:
			if strings.Contains(r.Message, what) {
				return
			}
		case <-deadline:
			t.Fatalf("the broker does not say that something %s", what)
		}
	}
}

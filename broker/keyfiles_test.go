package broker_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

// What can still be read of a damaged bucket of keys is there again before any desk connects:
// at most what was damaged itself is missing. A key that was erased before does not come back, though the
// server's own note of it may be cut off with what is damaged.
func TestTheBrokerMendsItsKeys(t *testing.T) {
	const keys = 200
	for name, c := range map[string]struct {
		damage  func(*brokertest.Broker)
		missing int // at most
	}{
		"a bit of one":  {(*brokertest.Broker).FlipKeyBit, 1},
		"in the middle": {func(b *brokertest.Broker) { b.DamageKeys(.5, .51) }, 6},
		"at the end":    {func(b *brokertest.Broker) { b.DamageKeys(.98, 1) }, 10},
		"nothing":       {(*brokertest.Broker).Restart, 0},
		"killed before they are back": {func(b *brokertest.Broker) {
			b.CutNextStart()
			b.DamageKeys(.1, .11)
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			b := brokertest.Start(t)
			l := b.Device("desk-1").Connect()
			var list []events.WrappedKey
			for i := range keys {
				list = append(list, events.WrappedKey{Patient: fmt.Sprint("pat-", i), ID: events.KeyID{byte(i)}, Wrapped: fmt.Appendf(nil, "sealed key of 76 bytes, as they are, which stands here %020d", i)})
			}
			for part := range slices.Chunk(list, 50) {
				if err := l.PutKeys(t.Context(), part); err != nil {
					t.Fatal(err)
				}
			}
			b.EraseKeys("pat-7")
			want := b.Keys()
			if len(want) != keys-1 {
				t.Fatalf("the broker has %d keys", len(want))
			}
			said := make(logLines, 64)
			b.LogTo(slog.New(said))
			c.damage(b)
			if name == "killed before they are back" {
				awaitLine(t, said, "that an earlier start of the broker kept")
			} else if c.missing > 0 {
				awaitLine(t, said, "are damaged")
			} else {
				awaitLine(t, said, "runs")
			}
			got := b.Keys()
			if n := len(want) - len(got); n > c.missing || n == 0 && name == "a bit of one" {
				t.Errorf("%d keys are missing, want at most %d", n, c.missing)
			}
			for name, wrapped := range got {
				if want[name] != wrapped {
					t.Errorf("key %s is %q, want %q", name, wrapped, want[name])
				}
			}
			maps.DeleteFunc(want, func(name, _ string) bool { _, there := got[name]; return there })
			l = b.Device("desk-2").Connect()
			for _, k := range list { // a desk gives all back that it has
				if _, lost := want[k.Name()]; lost {
					if err := l.PutKey(t.Context(), k); err != nil {
						t.Error(err)
					}
				}
			}
			b.Restart()
			if diff := cmp.Diff(keys-1, len(b.Keys())); diff != "" {
				t.Errorf("the broker has not all keys in the end (-want +got):\n%s", diff)
			}
		})
	}
}

// A key that was taken out and came again is there, and is not taken for gone.
func TestAKeyThatCameAgainIsMended(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	put := func(i int) {
		t.Helper()
		k := events.WrappedKey{Patient: fmt.Sprint("pat-", i), ID: events.KeyID{byte(i)}, Wrapped: fmt.Appendf(nil, "sealed key of 76 bytes, as they are, which stands here %020d", i)}
		if err := l.PutKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		put(i)
	}
	b.PurgeKeys("pat-5") // without a note
	put(5)
	want := b.Keys()
	said := make(logLines, 64)
	b.LogTo(slog.New(said))
	b.FlipKeyBit()
	awaitLine(t, said, "are damaged")
	got := b.Keys()
	maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasPrefix(name, "pat-0.") }) // the one that is damaged
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the broker has other keys (-want +got):\n%s", diff)
	}
}

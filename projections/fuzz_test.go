package projections_test

import (
	"errors"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// A mark comes back from outside as well.
func FuzzMark(f *testing.F) {
	f.Add("0123456789abcdef.7")
	f.Add("0123456789ABCDEF.7")
	f.Add("0123456789abcdef.-1")
	f.Add(".0")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := projections.ParseMark(s)
		if err != nil && !errors.Is(err, projections.ErrCursor) {
			t.Fatalf("%q: %v: want ErrCursor", s, err)
		}
		if err == nil && (m.String() != s || m.Arrival < 0) {
			t.Fatalf("%q is read as %+v", s, m)
		}
	})
}

// A cursor comes back from outside: whatever it holds, it is an error or a place.
func FuzzCursor(f *testing.F) {
	f.Add(projections.MakeCursor("name", []byte("peeters jan"), pat("p1")))
	f.Add(projections.MakeCursor("_id", nil, events.Record{Type: "Condition", ID: "c.1"}))
	f.Add("WyIiLCIiLCIiXQ")
	f.Add("!")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := projections.CursorRoundTrip(s)
		if err != nil {
			if !errors.Is(err, projections.ErrCursor) {
				t.Fatalf("%q: %v: want ErrCursor", s, err)
			}
			return
		}
		if got != s {
			t.Fatalf("%q is read as %q", s, got)
		}
	})
}

// Headers are read from a file that may be damaged.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x02\x01a\x01\x01b\x01c\x00"))
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		again, err := projections.HeaderRoundTrip(packed)
		if err != nil {
			return
		}
		if _, err := projections.HeaderRoundTrip(again); err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
	})
}

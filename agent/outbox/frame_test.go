package outbox

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

// asBytes compares slices of bytes at once, and not a byte at a time.
var asBytes = cmp.Comparer(bytes.Equal)

func TestFrame(t *testing.T) {
	for name, m := range map[string]events.Message{
		"an event":           {Subject: "carelog.p.1", Header: map[string][]string{"ce-id": {"1"}, "ce-author": {""}}, Data: []byte("{}")},
		"a name twice":       {Subject: "s", Header: map[string][]string{"a": {"x", "y"}, "b": {"z"}}, Data: []byte{0, 1}},
		"nothing":            {Header: map[string][]string{}, Data: []byte{}},
		"bytes that are big": {Subject: string(make([]byte, 300)), Header: map[string][]string{"h": {string(make([]byte, 70000))}}, Data: make([]byte, 1<<20)},
	} {
		got, err := unframe(frame(m))
		if diff := cmp.Diff(m, got, asBytes); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// What was cut short or spoiled is an error, and never more than that.
func FuzzUnframe(f *testing.F) {
	whole := frame(events.Message{Subject: "carelog.p.1", Header: map[string][]string{"ce-id": {"1"}, "a": {"b", "c"}}, Data: []byte("x")})
	f.Add(whole)
	for i := range whole[:len(whole)-1] {
		f.Add(whole[:i])
	}
	f.Add([]byte{framed, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1})
	f.Add([]byte{framed, 3, 0, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := unframe(b)
		if err != nil {
			return
		}
		again, err := unframe(frame(m))
		if diff := cmp.Diff(m, again, asBytes); diff != "" || err != nil {
			t.Errorf("read, written and read again: %v (-want +got):\n%s", err, diff)
		}
	})
}

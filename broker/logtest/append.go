package logtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

func appendCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){
		"Append":                  testAppend,
		"AppendTwice":             testAppendTwice,
		"AppendAfter":             testAppendAfter,
		"AppendAfterIsStale":      testAppendAfterIsStale,
		"AppendAfterFindsItself":  testAppendAfterFindsItself,
		"AppendAfterConcurrently": testAppendAfterConcurrently,
		"AppendAtEnd":             testAppendAtEnd,
		"Refused":                 testRefused,
	}
}

func testAppend(t *testing.T, w World) {
	d := w.Device("desk-1")
	before, err := d.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before.Last != 0 || before.Identity == "" || before.Now.IsZero() {
		t.Errorf("state of an empty log %+v, want an identity, a clock and no end", before)
	}
	list := []events.Message{Event(t, "pat-1", "Patient/pat-1"), Event(t, "pat.2", "Patient/pat.2"), Event(t, "", "Practitioner/dr-1"), Event(t, "pat-1", "Condition/c-1")}
	for i, m := range list {
		if got := put(t, d, m); got != uint64(i)+1 {
			t.Errorf("sequence %d, want %d", got, i+1)
		}
	}
	for i, want := range list {
		got, err := d.Get(t.Context(), uint64(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Message); diff != "" || got.Sequence != uint64(i)+1 {
			t.Errorf("message %d differs (-want +got):\n%s", i+1, diff)
		}
		if got.Time.Before(before.Now) {
			t.Errorf("message %d was stored at %v, before the log was asked for its state at %v", i+1, got.Time, before.Now)
		}
	}
	for _, sequence := range []uint64{0, 5} {
		_, err = d.Get(t.Context(), sequence)
		wantError(t, err, events.ErrNoMessage)
	}
	after, err := d.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Last != 4 || after.First != 1 || after.Identity != before.Identity {
		t.Errorf("state %+v, want 1 to 4 of log %q", after, before.Identity)
	}
	wantLog(t, w, list...)
}

// The same event again, soon after, is the same event.
func testAppendTwice(t *testing.T, w World) {
	d := w.Device("desk-1")
	m, other := Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-1", "Condition/c-2")
	first := put(t, d, m)
	put(t, d, other)
	if second := put(t, d, m); second != first {
		t.Errorf("stored again at %d, want %d", second, first)
	}
	wantLog(t, w, m, other)
}

func testAppendAfter(t *testing.T, w World) {
	d := w.Device("desk-1")
	// Nothing there, something of another dossier, something of another record.
	list := []events.Message{
		Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-2", "Condition/c-9"),
		Event(t, "pat-1", "Condition/c-2"), Event(t, "pat-1", "Condition/c-1"),
	}
	for i, after := range []uint64{0, 0, 1, 1} {
		got, err := d.AppendAfter(t.Context(), list[i], after)
		if err != nil || got != uint64(i)+1 {
			t.Errorf("message %d appended after %d: %d, %v", i+1, after, got, err)
		}
	}
	wantLog(t, w, list...)
}

func testAppendAfterIsStale(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	list := []events.Message{Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-1", "Condition/c-2"), Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-1", "Condition/c-1")}
	for _, m := range list {
		put(t, theirs, m)
	}
	_, err := mine.AppendAfter(t.Context(), Event(t, "pat-1", "Condition/c-1"), 1)
	var stale *events.StaleError
	if !errors.As(err, &stale) || stale.Record != "Condition/c-1" || stale.Sequence != 3 {
		t.Errorf("error %v, want that Condition/c-1 was changed at 3", err)
	}
	wantLog(t, w, list...)
}

// An event whose acknowledgement got lost once stands there, whatever came after it.
func testAppendAfterFindsItself(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	before, m, later := Event(t, "pat-1", "Condition/c-2"), Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-1", "Condition/c-1")
	put(t, theirs, before)
	put(t, mine, m)
	put(t, theirs, later)
	for name, f := range map[string]func() (uint64, error){
		"AppendAfter": func() (uint64, error) { return mine.AppendAfter(t.Context(), m, 0) },
		"AppendAtEnd": func() (uint64, error) { return mine.AppendAtEnd(t.Context(), m, 1) },
	} {
		if got, err := f(); err != nil || got != 2 {
			t.Errorf("%s: %d, %v; want 2", name, got, err)
		}
	}
	wantLog(t, w, before, m, later)
}

// Desks that change different records of one dossier do not hinder each other.
func testAppendAfterConcurrently(t *testing.T, w World) {
	const desks, each = 4, 5
	var all sync.WaitGroup
	for i := range desks {
		d := w.Device(fmt.Sprintf("desk-%d", i))
		all.Go(func() {
			after := uint64(0)
			for range each {
				got, err := d.AppendAfter(t.Context(), Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i)), after)
				if err != nil {
					t.Errorf("desk %d after %d: %v", i, after, err)
					return
				}
				after = got
			}
		})
	}
	all.Wait()
	if got := len(w.Stored()); got != desks*each {
		t.Errorf("%d messages, want %d", got, desks*each)
	}
}

func testAppendAtEnd(t *testing.T, w World) {
	d := w.Device("desk-1")
	first, second, third := Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-2", "Condition/c-2"), Event(t, "pat-3", "Condition/c-3")
	for i, m := range []events.Message{first, second} {
		if got, err := d.AppendAtEnd(t.Context(), m, uint64(i)); err != nil || got != uint64(i)+1 {
			t.Errorf("%d, %v; want %d", got, err, i+1)
		}
	}
	for _, last := range []uint64{0, 1, 3} {
		_, err := d.AppendAtEnd(t.Context(), third, last)
		wantError(t, err, events.ErrNotAtEnd)
	}
	wantLog(t, w, first, second)
}

func testRefused(t *testing.T, w World) {
	d := w.Device("desk-1")
	foreign := Event(t, "pat-1", "Condition/c-1")
	foreign.Subject = events.Subject("p2", "pat-1")
	large := Event(t, "pat-1", "Condition/c-1")
	large.Data = make([]byte, 1<<20+1)
	nameless := Event(t, "pat-1", "Condition/c-1")
	delete(nameless.Header, "ce-id")
	for name, m := range map[string]events.Message{"another practice": foreign, "too large": large, "without id": nameless} {
		_, err := d.Append(t.Context(), m)
		var refused *events.RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: error %v, want that it is refused for good", name, err)
		}
		if errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrOffline) {
			t.Errorf("%s: error %v says two things", name, err)
		}
	}
	wantLog(t, w)
}

package logtest

import (
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
)

func lookCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){"Looks": testLooks, "LooksOffline": testLooksOffline}
}

func wantLooks(t testing.TB, l Log, device string, at uint64, want string) {
	t.Helper()
	if got, err := l.Looks(t.Context(), device, at); err != nil || string(got.Data) != want || at != 0 && got.Sequence != at {
		t.Errorf("looks of %s at %d are %q at %d, %v; want %q", device, at, got.Data, got.Sequence, err, want)
	}
}

// Looks of a device stand one behind the other, under its own name, and none is stored twice.
func testLooks(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	before, devices, err := mine.LookState(t.Context())
	if err != nil || before == "" || len(devices) != 0 {
		t.Fatalf("the state of no looks is %q, %v, %v", before, devices, err)
	}
	_, err = mine.Looks(t.Context(), "desk-1", 0)
	wantError(t, err, events.ErrNoMessage)
	first, err := mine.PutLooks(t.Context(), []byte("a"), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mine.PutLooks(t.Context(), []byte("a"), 0)
	wantError(t, err, events.ErrTaken)
	other, err := theirs.PutLooks(t.Context(), []byte("b"), 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := mine.PutLooks(t.Context(), []byte("c"), first)
	if err != nil {
		t.Fatal(err)
	}
	wantLooks(t, theirs, "desk-1", 0, "c")
	wantLooks(t, theirs, "desk-1", first, "a")
	wantLooks(t, mine, "desk-2", 0, "b")
	_, err = mine.Looks(t.Context(), "desk-1", other)
	wantError(t, err, events.ErrNoMessage)
	_, err = mine.Looks(t.Context(), "desk-1", second+100)
	wantError(t, err, events.ErrNoMessage)
	if identity, devices, err := theirs.LookState(t.Context()); err != nil || identity != before || !slices.Equal(devices, []string{"desk-1", "desk-2"}) {
		t.Errorf("the state is %q, %v, %v; want %q and both desks", identity, devices, err, before)
	}
	w.Wipe()
	mine.Await(true)
	if identity, devices, err := mine.LookState(t.Context()); err != nil || identity == before || len(devices) != 0 {
		t.Errorf("after the loss of the disk the state is %q, %v, %v; want another one", identity, devices, err)
	}
}

// Both ways in which it can fail: it was not stored, and it was and nobody was told.
func testLooksOffline(t *testing.T, w World) {
	d := w.Device("desk-1")
	d.CutOutgoing()
	_, err := d.PutLooks(t.Context(), []byte("a"), 0)
	wantError(t, err, events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	_, err = d.Looks(t.Context(), "desk-1", 0)
	wantError(t, err, events.ErrNoMessage)

	d.CutIncoming()
	_, err = d.PutLooks(t.Context(), []byte("a"), 0)
	wantError(t, err, events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	_, err = d.PutLooks(t.Context(), []byte("a"), 0)
	wantError(t, err, events.ErrTaken)
	wantLooks(t, d, "desk-1", 0, "a")

	d.Cut()
	d.Await(false)
	_, err = d.PutLooks(t.Context(), []byte("b"), 1)
	wantError(t, err, events.ErrOffline)
	_, err = d.Looks(t.Context(), "desk-1", 0)
	wantError(t, err, events.ErrOffline)
	_, _, err = d.LookState(t.Context())
	wantError(t, err, events.ErrOffline)
}

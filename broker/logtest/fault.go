package logtest

import (
	"context"
	"errors"
	"testing"

	"github.com/carelog/carelog/events"
)

// fault is one way in which a write goes wrong.
type fault struct {
	make   func(World, Device)
	want   error // of the write; nil: it gets through all the same
	stored bool  // after the write, before it is tried again
}

// Each fault stands beside its twin: the same to the writer, another to the log.
var faults = map[string]fault{
	"Cut":             {func(_ World, d Device) { d.Cut(); d.Await(false) }, events.ErrOffline, false},
	"ServerStopped":   {func(w World, d Device) { w.Stop(); d.Await(false) }, events.ErrOffline, false},
	"SendLost":        {func(_ World, d Device) { d.LoseSends(1) }, nil, true},
	"AckLost":         {func(_ World, d Device) { d.LoseAcks(1) }, nil, true},
	"AcksLost":        {func(_ World, d Device) { d.LoseAcks(2) }, nil, true},
	"SendAndAckLost":  {func(_ World, d Device) { d.LoseSends(1); d.LoseAcks(1) }, nil, true},
	"CutAfterStoring": {func(_ World, d Device) { d.CutAfterStoring() }, events.ErrUnknownOutcome, true},
	"CutOutgoing":     {func(_ World, d Device) { d.CutOutgoing() }, events.ErrUnknownOutcome, false},
	"CutIncoming":     {func(_ World, d Device) { d.CutIncoming() }, events.ErrUnknownOutcome, true},
}

func faultCases() map[string]func(*testing.T, World) {
	cases := map[string]func(*testing.T, World){"Cancelled": testCancelled, "KeyUnknown": testKeyUnknown, "ReadOffline": testReadOffline}
	for writeName, write := range map[string]writing{
		"Append": func(ctx context.Context, l Log, list []events.Message) (uint64, error) { return l.Append(ctx, list[0]) },
		"AppendAfter": func(ctx context.Context, l Log, list []events.Message) (uint64, error) {
			return l.AppendAfter(ctx, list[0], 1)
		},
		"AppendAtEnd": func(ctx context.Context, l Log, list []events.Message) (uint64, error) {
			return l.AppendAtEnd(ctx, list[0], 1)
		},
	} {
		for faultName, f := range faults {
			cases[writeName+faultName] = func(t *testing.T, w World) {
				testFault(t, w, f, []events.Message{Event(t, "pat-1", "Condition/c-1")}, write)
			}
		}
	}
	return cases
}

// writing appends messages to a log that has one message, of pat-1, and returns where the
// first of them stands.
type writing func(ctx context.Context, l Log, list []events.Message) (first uint64, err error)

func testFault(t *testing.T, w World, f fault, list []events.Message, write writing) {
	d := w.Device("desk-1")
	before := Event(t, "pat-1", "Condition/c-x")
	put(t, d, before)
	f.make(w, d)
	_, err := write(t.Context(), d, list)
	if !errors.Is(err, f.want) {
		t.Errorf("error %v, want %v", err, f.want)
	}
	if unknown := errors.Is(err, events.ErrUnknownOutcome); unknown && errors.Is(err, events.ErrOffline) {
		t.Errorf("error %v says both that it is unknown and that nothing was sent", err)
	}
	w.Start()
	d.Mend()
	want := []events.Message{before}
	if f.stored {
		want = append(want, list...)
	}
	wantLog(t, w, want...)
	d.Await(true)
	// The writer tries again, as the outbox does: all is there once.
	if first, err := write(t.Context(), d, list); err != nil || first != 2 {
		t.Errorf("again: %d, %v; want 2", first, err)
	}
	wantLog(t, w, append([]events.Message{before}, list...)...)
}

// A writer that gave up before it began has sent nothing.
func testCancelled(t *testing.T, w World) {
	d := w.Device("desk-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.Append(ctx, Event(t, "pat-1", "Condition/c-1"))
	wantError(t, err, events.ErrOffline)
	wantError(t, err, context.Canceled)
	wantLog(t, w)
}

func testKeyUnknown(t *testing.T, w World) {
	d := w.Device("desk-1")
	k := wrapped(t, "pat-1")
	d.CutIncoming()
	wantError(t, d.PutKey(t.Context(), k), events.ErrUnknownOutcome)
	d.Mend()
	d.Await(true)
	wantKeys(t, d, k)
	d.Cut()
	d.Await(false)
	wantError(t, d.PutKey(t.Context(), wrapped(t, "pat-2")), events.ErrOffline)
	d.Mend()
	d.Await(true)
	wantKeys(t, d, k)
}

// What only reads says that the server cannot be reached, in silence and in truth.
func testReadOffline(t *testing.T, w World) {
	d := w.Device("desk-1")
	put(t, d, Event(t, "pat-1", "Condition/c-1"))
	for name, cut := range map[string]func(){"silent": d.CutIncoming, "known": func() { d.Cut(); d.Await(false) }} {
		cut()
		_, err := d.State(t.Context())
		wantError(t, err, events.ErrOffline)
		_, err = d.Get(t.Context(), 1)
		wantError(t, err, events.ErrOffline)
		_, err = d.Positions(t.Context())
		wantError(t, err, events.ErrOffline)
		for _, err := range d.Dossier(t.Context(), "pat-1", 0) {
			wantError(t, err, events.ErrOffline)
		}
		for _, err := range d.Keys(t.Context()) {
			wantError(t, err, events.ErrOffline)
		}
		err = d.KeysAfter(t.Context(), events.KeyMark{Sequence: 1}, func([]events.WrappedKey, events.KeyMark) error { return nil })
		wantError(t, err, events.ErrOffline)
		d.Mend()
		d.Await(true)
		if _, err := d.Get(t.Context(), 1); err != nil {
			t.Errorf("after the %s cut was mended: %v", name, err)
		}
	}
}

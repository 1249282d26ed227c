package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

var clock = events.NewClock(nil, nil)

// Event makes a message of the practice: a new version of a record, in form only.
func Event(t testing.TB, patient, record string) events.Message {
	t.Helper()
	id, err := clock.Next()
	if err != nil {
		t.Fatal(err)
	}
	r, err := events.ParseRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	m, err := events.Encode(&events.Event{
		ID: id, Type: events.Written, Practice: Practice, Device: "desk-1", Record: r, Patient: patient,
		Time: clock.Now(), Chain: events.Chain{Counter: 1}, ContentType: events.ContentFHIR, Sealed: []byte(id.String()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// put appends a message that must get through.
func put(t testing.TB, l Log, m events.Message) uint64 {
	t.Helper()
	sequence, err := l.Append(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}

// wantLog checks that the log holds these messages, in this order, and no others.
func wantLog(t testing.TB, w World, want ...events.Message) {
	t.Helper()
	stored := w.Stored()
	got := make([]events.Message, 0, len(stored))
	for i, s := range stored {
		if s.Sequence != uint64(i)+1 {
			t.Errorf("message %d of the log says that it is %d", i+1, s.Sequence)
		}
		got = append(got, s.Message)
	}
	if len(want) == 0 {
		want = []events.Message{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

// wantError checks for a sentinel error.
func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want one that is: %v", err, want)
	}
}

// following reads the log in the background, as an agent does.
type following struct {
	messages chan events.Stored
	err      chan error
	stop     context.CancelFunc
}

// follow starts to read; it is stopped and waited for with the test.
func follow(t testing.TB, l Log, from uint64) *following {
	ctx, stop := context.WithCancel(t.Context())
	f := &following{messages: make(chan events.Stored, 100), err: make(chan error, 1), stop: stop}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s, err := range l.Read(ctx, from) {
			if err != nil {
				f.err <- err
				return
			}
			f.messages <- s
		}
		f.err <- nil
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return f
}

// next waits for one message and checks it.
func (f *following) next(t testing.TB, sequence uint64, want events.Message) {
	t.Helper()
	select {
	case got := <-f.messages:
		if got.Sequence != sequence {
			t.Errorf("read message %d, want %d", got.Sequence, sequence)
		}
		if diff := cmp.Diff(want, got.Message); diff != "" {
			t.Errorf("message %d differs (-want +got):\n%s", sequence, diff)
		}
	case err := <-f.err:
		t.Fatalf("the reading ended with %v, want message %d", err, sequence)
	case <-time.After(20 * time.Second):
		t.Fatalf("message %d does not come", sequence)
	}
}

// ended waits for the end of the reading.
func (f *following) ended(t testing.TB) error {
	t.Helper()
	for {
		select {
		case <-f.messages:
		case err := <-f.err:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("the reading does not end")
		}
	}
}

// several makes n messages of a dossier, each of a record of its own.
func several(t testing.TB, patient string, n int) []events.Message {
	list := make([]events.Message, n)
	for i := range list {
		list[i] = Event(t, patient, fmt.Sprintf("Condition/c-%d", i))
	}
	return list
}

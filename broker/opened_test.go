package broker_test

import (
	"bytes"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

// What a device says it has open reaches the devices of its practice, is kept nowhere, and can
// be said in nobody else's name.
func TestWhatIsOpen(t *testing.T) {
	b := brokertest.Start(t)
	one, two := b.Device("desk-1"), b.Device("desk-2")
	said, hears := one.Connect(), two.Connect()
	one.Await(said, true)
	two.Await(hears, true)
	heard := make(chan string, 10)
	stop, err := hears.HearOpened(func(device string, sealed []byte) { heard <- device + " " + string(sealed) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hears.State(t.Context()); err != nil { // the server has the subscription
		t.Fatal(err)
	}
	hear := func(want string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("waited in vain for %q", want)
		}
	}
	if err := said.SayOpened([]byte("first")); err != nil {
		t.Fatal(err)
	}
	hear("desk-1 first")
	thief := raw(t, b, one)
	for _, subject := range []string{"carelogopen.p1.desk-2", "carelogopen.p2.desk-1", "carelogopen.p1"} {
		if err := thief.Publish(subject, []byte("junk")); err != nil {
			t.Fatal(err)
		}
	}
	if err := thief.Flush(); err != nil {
		t.Fatal(err)
	}
	two.Cut()
	two.Await(hears, false)
	if err := hears.SayOpened([]byte("x")); !errors.Is(err, events.ErrOffline) {
		t.Errorf("without a connection: %v", err)
	}
	two.Mend()
	two.Await(hears, true)
	if _, err := hears.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := said.SayOpened([]byte("second")); err != nil {
		t.Fatal(err)
	}
	hear("desk-1 second") // and no junk before it
	if listening, err := thief.SubscribeSync("carelogopen.>"); err == nil {
		if err := thief.Flush(); err != nil { // the answer comes behind a refusal
			t.Fatal(err)
		}
		if _, err := listening.NextMsg(100 * time.Millisecond); err == nil || errors.Is(err, nats.ErrTimeout) {
			t.Errorf("a device may listen to more than its practice: %v", err)
		}
	}
	stop()
	if stored := b.Stored(); len(stored) != 0 {
		t.Errorf("%d messages were kept", len(stored))
	}
}

// Where the account does not allow it, nothing more is said on a connection once its refusal is
// known; each word that was under way until then is refused, and stands in the log.
func TestWhatIsOpenIsNotAllowed(t *testing.T) {
	b := brokertest.Start(t)
	d := b.Device("desk-1")
	c := d.Config()
	c.Device = "desk-2" // with the credentials of another one, so that its words are refused
	written := &lines{}
	c.Logger = slog.New(slog.NewTextHandler(written, nil))
	l, err := broker.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	said := 0
	for session := 1; session <= 2; session++ {
		refused := awaitSaid(t, l, &said, func(err error) bool { return errors.As(err, new(*events.RefusedError)) })
		awaitSoon(t, func() bool { return written.count("Permissions Violation") == said })
		for range 20 {
			if err := l.SayOpened([]byte("x")); !errors.Is(err, refused) {
				t.Errorf("after the refusal: got %v, want the same again", err)
			}
		}
		d.Cut()
		awaitSaid(t, l, &said, func(err error) bool { return errors.Is(err, events.ErrOffline) })
		if refusals := written.count("Permissions Violation"); refusals != said {
			t.Errorf("session %d: %d refusals of %d words", session, refusals, said)
		}
		d.Mend()
	}
}

// awaitSaid says something until the answer is the one that is waited for, and counts into said
// what went out before.
func awaitSaid(t *testing.T, l *broker.Log, said *int, is func(error) bool) (cause error) {
	t.Helper()
	awaitSoon(t, func() bool {
		err := l.SayOpened([]byte("x"))
		if err == nil {
			*said++
		}
		cause = errors.Unwrap(err)
		return is(err)
	})
	return cause
}

// awaitSoon asks until something is so.
func awaitSoon(t *testing.T, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// lines is what a logger wrote.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *lines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *lines) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Count(w.text.Bytes(), []byte(what))
}

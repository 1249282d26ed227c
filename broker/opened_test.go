package broker_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

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
		if _, err := listening.NextMsg(100 * time.Millisecond); err == nil || errors.Is(err, nats.ErrTimeout) {
			t.Errorf("a device may listen to more than its practice: %v", err)
		}
	}
	stop()
	if stored := b.Stored(); len(stored) != 0 {
		t.Errorf("%d messages were kept", len(stored))
	}
}

package broker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// A desk starts without a network, and is connected as soon as there is one.
func TestConnectDoesNotWait(t *testing.T) {
	b := brokertest.Start(t)
	d := b.Device("desk-1")
	b.Stop()
	c := d.Config()
	c.Timeout = time.Hour // who waits for anything waits so long
	l, err := broker.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", "Condition/c-1")); !errors.Is(err, events.ErrOffline) {
		t.Errorf("error %v, want that it is offline", err)
	}
	b.Start()
	d.Await(l, true)
	if got := len(b.Stored()); got != 0 {
		t.Errorf("%d messages are stored, want none", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := broker.Config{Practice: "p1", Device: "desk-1", URLs: []string{"nats://127.0.0.1:1"}}
	for name, spoil := range map[string]func(*broker.Config){
		"practice": func(c *broker.Config) { c.Practice = "p.1" },
		"device":   func(c *broker.Config) { c.Device = ">" },
		"no URL":   func(c *broker.Config) { c.URLs = nil },
		"bad URL":  func(c *broker.Config) { c.URLs = []string{"nats://[::"} },
		"no seed":  func(c *broker.Config) { c.JWT = "x" },
		"timeout":  func(c *broker.Config) { c.Timeout = -1 },
	} {
		c := good
		spoil(&c)
		if l, err := broker.Connect(t.Context(), c); err == nil {
			l.Close()
			t.Errorf("%s: connected", name)
		}
	}
	if l, err := broker.Connect(t.Context(), good); err != nil {
		t.Error(err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// What was read to its end leaves nothing on the server.
func TestReadersLeaveNothing(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	for i := range 5 {
		if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	for range l.Read(t.Context(), 1) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	for s, err := range l.Read(ctx, 1) {
		if err == nil && s.Sequence == 5 {
			cancel()
		}
	}
	cancel()
	for range l.Dossier(t.Context(), "pat-1", 0) {
	}
	if _, err := l.Positions(t.Context()); err != nil {
		t.Fatal(err)
	}
	js := admin(t, b.Access())
	for _, name := range []string{"RECORDS", "TRAIL", "KV_KEYS"} {
		stream, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if n := stream.CachedInfo().State.Consumers; n != 0 {
			t.Errorf("%s has %d consumers left, want none", name, n)
		}
	}
}

// A message that the server itself has lost does not keep the rest from its readers.
func TestReadPassesAHole(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	for i := range 4 {
		if _, err := l.Append(t.Context(), logtest.Event(t, "pat-1", fmt.Sprintf("Condition/c-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	js := admin(t, b.Access())
	hole(t, js, 2)
	var got []uint64
	for s, err := range l.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, s.Sequence); s.Sequence == 4 {
			break
		}
	}
	if fmt.Sprint(got) != "[1 3 4]" {
		t.Errorf("read %v, want 1, 3 and 4", got)
	}
	if _, err := l.Get(t.Context(), 2); !errors.Is(err, events.ErrNoMessage) {
		t.Errorf("error %v, want that there is no message", err)
	}
}

// hole makes the server lose a message, which takes making the stream anew: the
// log itself lets nobody delete one.
func hole(t *testing.T, js jetstream.JetStream, sequence uint64) {
	t.Helper()
	stream, err := js.Stream(t.Context(), "RECORDS")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	var messages []*jetstream.RawStreamMsg
	for s := uint64(1); s <= stream.CachedInfo().State.LastSeq; s++ {
		m, err := stream.GetMsg(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	if err := js.DeleteStream(t.Context(), "RECORDS"); err != nil {
		t.Fatal(err)
	}
	config.DenyDelete = false
	if stream, err = js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if _, err := js.Publish(t.Context(), m.Subject, m.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.DeleteMsg(t.Context(), sequence); err != nil {
		t.Fatal(err)
	}
}

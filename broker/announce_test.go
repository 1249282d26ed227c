package broker_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// What was announced crosses the line once: only its end is sent with the batch.
func TestAnnouncedIsNotSentAgain(t *testing.T) {
	const n = 6
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	access := b.Access()
	conn, err := nats.Connect(b.URL(), nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	heard, err := conn.SubscribeSync(events.Subjects(brokertest.Practice))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	batch := make([]events.Appending, n)
	for i := range batch {
		end := uint64(0)
		batch[i] = events.Appending{Message: logtest.Event(t, fmt.Sprintf("pat-%d", i), "Condition/c"), After: &end}
	}
	hears := func(ids ...int) {
		t.Helper()
		for _, i := range ids {
			m, err := heard.NextMsgWithContext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if m.Subject != batch[i].Message.Subject {
				t.Fatalf("heard %s, want %s", m.Subject, batch[i].Message.Subject)
			}
		}
	}
	l.Announce(batch)
	hears(0, 1, 2, 3, 4)
	if first, err := l.AppendBatch(t.Context(), batch); err != nil || first != 1 {
		t.Fatalf("%d, %v; want 1", first, err)
	}
	hears(5)
	if left, _, err := heard.Pending(); err != nil || left != 0 {
		t.Errorf("%d messages were sent again, %v", left, err)
	}
}

package brokertest

import (
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// Stored returns the whole log, past all lines, as an administrator sees it.
func (b *Broker) Stored() []events.Stored {
	b.t.Helper()
	access := b.Access()
	conn, err := nats.Connect(b.url, nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		b.t.Fatal(err)
	}
	stream, err := js.Stream(b.t.Context(), "RECORDS")
	if err != nil {
		b.t.Fatal(err)
	}
	var list []events.Stored
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		m, err := stream.GetMsg(b.t.Context(), sequence)
		if err != nil {
			b.t.Fatalf("message %d: %v", sequence, err)
		}
		for name := range m.Header {
			if strings.HasPrefix(name, "Nats-Expected-") || strings.HasPrefix(name, "Nats-Batch-") {
				delete(m.Header, name)
			}
		}
		list = append(list, events.Stored{Sequence: m.Sequence, Time: m.Time,
			Message: events.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}})
	}
	return list
}

// EraseKeys removes a patient's keys, as the operator does.
func (b *Broker) EraseKeys(patient string) {
	b.t.Helper()
	if _, err := broker.EraseKeys(b.t.Context(), b.Access(), Practice, patient); err != nil {
		b.t.Fatal(err)
	}
}

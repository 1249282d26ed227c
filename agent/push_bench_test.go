package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/enrolment"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/agent/synthetic"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// reconnected is how many events BenchmarkReconnect queues.
const reconnected = 10_000

// BenchmarkReconnect is a desk that comes back with 10,000 queued events: until the
// broker has acknowledged all of them, and until they are out of the outbox and the
// light is green; beside it the same messages in raw atomic batches.
func BenchmarkReconnect(b *testing.B) {
	ctx := b.Context()
	var acks, greens, raws []time.Duration
	for b.Loop() {
		dir := b.TempDir()
		server, err := broker.Start(ctx, broker.ServerConfig{Data: filepath.Join(dir, "broker"), Port: broker.AnyPort})
		if err != nil {
			b.Fatal(err)
		}
		sheet, conn := benchPractice(b, server, "p1")
		e, err := sheet.Enrol("desk", "Desk")
		if err != nil {
			b.Fatal(err)
		}
		a, err := agent.Open(ctx, agent.Config{Data: filepath.Join(dir, "desk"), Enrolment: e})
		if err != nil {
			b.Fatal(err)
		}
		run, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- a.Run(run) }()
		if err := a.Prove(ctx); err != nil {
			b.Fatal(err)
		}
		if err := a.WorkOffline(ctx); err != nil {
			b.Fatal(err)
		}
		fill(b, a)

		if err := a.WorkOnline(ctx); err != nil {
			b.Fatal(err)
		}
		await(b, a, func(s agent.Status) bool { return s.Activity != nil && s.Activity.Kind == light.Push })
		began := time.Now() // connected, and all read
		await(b, a, func(s agent.Status) bool { return s.Outbox == 0 })
		acks = append(acks, time.Since(began))
		if err := a.Prove(ctx); err != nil {
			b.Fatal(err)
		}
		greens = append(greens, time.Since(began))

		messages := logged(b, conn)
		if len(messages) != reconnected+1 {
			b.Fatalf("the log has %d messages, want %d", len(messages), reconnected+1)
		}
		_, other := benchPractice(b, server, "p2")
		began = time.Now()
		rawBatches(b, other, messages[1:])
		raws = append(raws, time.Since(began))
		conn.Close()
		other.Close()
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := a.Close(); err != nil {
			b.Error(err)
		}
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	}
	acked, green, raw := median(acks), median(greens), median(raws)
	b.ReportMetric(acked, "ms-acked")
	b.ReportMetric(green, "ms-green")
	b.ReportMetric(raw, "ms-raw")
	b.ReportMetric(acked/raw, "x-raw")
}

// median is the middle one, in milliseconds.
func median(list []time.Duration) float64 {
	slices.Sort(list)
	return list[len(list)/2].Seconds() * 1000
}

func await(b *testing.B, a *agent.Agent, holds func(agent.Status) bool) {
	b.Helper()
	for {
		changed := a.Changed()
		s, err := a.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if holds(s) {
			return
		}
		<-changed
	}
}

func benchPractice(b *testing.B, server *broker.Server, name string) (enrolment.Sheet, *nats.Conn) {
	b.Helper()
	s := enrolment.Sheet{Practice: name, URLs: []string{server.URL()}, Secret: enrolment.NewSecret()}
	signing, err := s.Secret.AccountKey()
	if err != nil {
		b.Fatal(err)
	}
	public, err := signing.PublicKey()
	if err != nil {
		b.Fatal(err)
	}
	account, err := server.Operator().AddPractice(b.Context(), broker.AddPractice{ID: s.Practice, SigningKey: public})
	if err != nil {
		b.Fatal(err)
	}
	s.Account = account.PublicKey
	if err := server.Provision(b.Context()); err != nil {
		b.Fatal(err)
	}
	access, err := server.Operator().Access(s.Practice, s.URLs...)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := nats.Connect(s.URLs[0], nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		b.Fatal(err)
	}
	return s, conn
}

// fill queues changes of a synthetic practice.
func fill(b *testing.B, a *agent.Agent) {
	b.Helper()
	var drafts []agent.Draft
	for r := range synthetic.Generate(b.Context(), synthetic.Options{Patients: 1 << 20, Seed: 1}) {
		patient, err := fhirjson.PatientOf(r.Body, structure.IsType)
		if err != nil {
			b.Fatal(err)
		}
		drafts = append(drafts, agent.Draft{Record: events.Record{Type: r.Type, ID: r.ID}, Patient: patient, Author: "practitioner-1", Body: r.Body})
		if len(drafts) == reconnected {
			break
		}
	}
	for from := 0; from < len(drafts); from += 1000 {
		if _, err := a.WriteMany(b.Context(), drafts[from:from+1000]); err != nil {
			b.Fatal(err)
		}
	}
}

// ended is where the log ends.
func ended(b *testing.B, conn *nats.Conn) uint64 {
	b.Helper()
	var info struct {
		State struct {
			Last uint64 `json:"last_seq"`
		} `json:"state"`
	}
	m, err := conn.Request("$JS.API.STREAM.INFO.RECORDS", nil, 5*time.Second)
	if err == nil {
		err = json.Unmarshal(m.Data, &info)
	}
	if err != nil {
		b.Fatal(err)
	}
	return info.State.Last
}

// logged is the whole log, as messages.
func logged(b *testing.B, conn *nats.Conn) []*nats.Msg {
	b.Helper()
	js, err := conn.JetStream()
	if err != nil {
		b.Fatal(err)
	}
	sub, err := js.SubscribeSync("", nats.BindStream("RECORDS"), nats.OrderedConsumer())
	if err != nil {
		b.Fatal(err)
	}
	var list []*nats.Msg
	for range ended(b, conn) {
		m, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			b.Fatal(err)
		}
		h := nats.Header{}
		for name, v := range m.Header {
			if len(name) > 5 && (name[:3] == "ce-" || name == "Nats-Msg-Id") {
				h[name] = v
			}
		}
		list = append(list, &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data})
	}
	return list
}

// rawBatches stores messages in atomic batches, one after the other, as fast as the
// broker takes them.
func rawBatches(b *testing.B, conn *nats.Conn, messages []*nats.Msg) {
	b.Helper()
	const size = 1000
	inbox := conn.NewRespInbox()
	sub, err := conn.SubscribeSync(inbox)
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < len(messages); from += size {
		batch := messages[from:min(from+size, len(messages))]
		for i, m := range batch {
			m.Subject = "carelog.p2" + m.Subject[len("carelog.p1"):]
			m.Header.Set("Nats-Batch-Id", fmt.Sprint("raw-", from))
			m.Header.Set("Nats-Batch-Sequence", fmt.Sprint(i+1))
			if i == len(batch)-1 {
				m.Header.Set("Nats-Batch-Commit", "1")
				m.Reply = inbox
			}
			if err := conn.PublishMsg(m); err != nil {
				b.Fatal(err)
			}
		}
		answer, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			b.Fatal(err)
		}
		var ack struct {
			Count int             `json:"count"`
			Error json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(answer.Data, &ack); err != nil || ack.Count != len(batch) {
			b.Fatalf("%v, %s", err, answer.Data)
		}
	}
}

package broker_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// body is about what a sealed resource weighs.
var body = make([]byte, 1000)

// direct connects without a proxy.
func direct(b *testing.B, w *brokertest.Broker) *broker.Log {
	b.Helper()
	d := w.Device("desk-1")
	c := d.Config()
	c.URLs, c.Timeout = []string{w.URL()}, 10*time.Second
	l, err := broker.Connect(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	d.Await(l, true)
	return l
}

func messages(b *testing.B, n int) []events.Message {
	list := make([]events.Message, n)
	for i := range list {
		list[i] = logtest.Event(b, "pat-1", "Condition/c-1")
		list[i].Data = body
	}
	return list
}

// bare is a connection of nats.go to the account of the streams, past all of ours.
func bare(b *testing.B, w *brokertest.Broker) *nats.Conn {
	b.Helper()
	access := w.Access()
	conn, err := nats.Connect(w.URL(), nats.UserJWTAndSeed(access.JWT, access.Seed))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	return conn
}

// BenchmarkBarePublish is the least that a synced publish can cost: one request of
// nats.go to the account of the streams.
func BenchmarkBarePublish(b *testing.B) {
	w := brokertest.Start(b)
	conn := bare(b, w)
	list := messages(b, b.N)
	for b.ResetTimer(); len(list) > 0; list = list[1:] {
		m := &nats.Msg{Subject: list[0].Subject, Header: list[0].Header, Data: list[0].Data}
		if _, err := conn.RequestMsg(m, 5*time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := direct(b, brokertest.Start(b))
	list := messages(b, b.N)
	for b.ResetTimer(); len(list) > 0; list = list[1:] {
		if _, err := l.Append(b.Context(), list[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendAfter(b *testing.B) {
	l := direct(b, brokertest.Start(b))
	list := messages(b, b.N)
	var last uint64
	for b.ResetTimer(); len(list) > 0; list = list[1:] {
		var err error
		if last, err = l.AppendAfter(b.Context(), list[0], last); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a log of 20,000 messages from its beginning.
func BenchmarkRead(b *testing.B) {
	const size = 20_000
	w := brokertest.Start(b)
	conn := bare(b, w)
	for i, m := range messages(b, size) {
		out := &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
		var err error
		if i%500 != 499 && i != size-1 {
			err = conn.PublishMsg(out)
		} else {
			_, err = conn.RequestMsg(out, 30*time.Second)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	l := direct(b, w)
	for b.Loop() {
		for s, err := range l.Read(b.Context(), 1) {
			if err != nil {
				b.Fatal(err)
			}
			if s.Sequence == size {
				break
			}
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

const batchSize = 1000

// BenchmarkBareBatch is the least that a synced batch can cost: JetStream's atomic
// batch, sent to the account of the streams.
func BenchmarkBareBatch(b *testing.B) {
	w := brokertest.Start(b)
	conn := bare(b, w)
	list := messages(b, b.N*batchSize)
	b.ResetTimer()
	for n := range b.N {
		for i, m := range list[n*batchSize : (n+1)*batchSize] {
			out := &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
			out.Header.Set("Nats-Batch-Id", strconv.Itoa(n))
			out.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
			var err error
			if i < batchSize-1 {
				err = conn.PublishMsg(out)
			} else {
				out.Header.Set("Nats-Batch-Commit", "1")
				_, err = conn.RequestMsg(out, 30*time.Second)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(batchSize*b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkAppendBatch(b *testing.B) {
	l := direct(b, brokertest.Start(b))
	list := messages(b, b.N*batchSize)
	b.ResetTimer()
	var last uint64
	for ; len(list) > 0; list = list[batchSize:] {
		batch := make([]events.Appending, batchSize)
		for i, m := range list[:batchSize] {
			batch[i].Message = m
		}
		after := last
		batch[0].After = &after
		first, err := l.AppendBatch(b.Context(), batch)
		if err != nil {
			b.Fatal(err)
		}
		last = first + batchSize - 1
	}
	b.ReportMetric(float64(batchSize*b.N)/b.Elapsed().Seconds(), "messages/s")
}

// objectSize is about one part of a snapshot.
const objectSize = 8 << 20

// BenchmarkBareObject is an object store of nats.go, in the account of the streams.
func BenchmarkBareObject(b *testing.B) {
	w := brokertest.Start(b)
	conn := bare(b, w)
	js, err := jetstream.New(conn)
	if err != nil {
		b.Fatal(err)
	}
	store, err := js.ObjectStore(b.Context(), "SNAPSHOTS")
	if err != nil {
		b.Fatal(err)
	}
	meta := jetstream.ObjectMeta{Name: "a", Opts: &jetstream.ObjectMetaOptions{ChunkSize: 512 << 10}}
	objects(b, func(data []byte) error {
		_, err := store.Put(b.Context(), meta, bytes.NewReader(data))
		return err
	}, func() ([]byte, error) { return store.GetBytes(b.Context(), "a") })
}

func BenchmarkObject(b *testing.B) {
	l := direct(b, brokertest.Start(b))
	objects(b, func(data []byte) error { return l.PutObject(b.Context(), "a", data) },
		func() ([]byte, error) { return l.Object(b.Context(), "a") })
}

func objects(b *testing.B, put func([]byte) error, get func() ([]byte, error)) {
	data := make([]byte, objectSize)
	b.Run("Put", func(b *testing.B) {
		b.SetBytes(objectSize)
		for b.Loop() {
			if err := put(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.SetBytes(objectSize)
		for b.Loop() {
			if got, err := get(); err != nil || len(got) != objectSize {
				b.Fatal(len(got), err)
			}
		}
	})
}

package broker_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
	"github.com/carelog/carelog/events"
)

// What is under way of a mass is about what a line carries in a fifth of a second, and never keeps a fast or a long one waiting.
func TestTheWindowFollowsTheLine(t *testing.T) {
	const mega = 1e6 / 8
	for name, c := range map[string]struct {
		window      broker.Window
		bytes       int     // of a message
		rate        float64 // bytes a second
		trip        time.Duration
		least, most float64 // seconds of the line, or all of the window
	}{
		"a log, 1 Mbit/s":              {broker.MassWindow(), 900, 1 * mega, 10 * time.Millisecond, 0.1, 0.3},
		"a log, 4 Mbit/s":              {broker.MassWindow(), 900, 4 * mega, 10 * time.Millisecond, 0.05, 0.25},
		"a log, 20 Mbit/s":             {broker.MassWindow(), 900, 20 * mega, 10 * time.Millisecond, 0.05, 0.25},
		"a log in the house":           {broker.MassWindow(), 900, 1000 * mega, time.Millisecond, 0.005, 1},
		"a log by satellite":           {broker.MassWindow(), 900, 50 * mega, 600 * time.Millisecond, 0.05, 0.25},
		"keys, 4 Mbit/s":               {broker.MassWindow(), 350, 4 * mega, 10 * time.Millisecond, 0.05, 0.25},
		"large bodies, 4 Mbit/s":       {broker.MassWindow(), 900_000, 4 * mega, 10 * time.Millisecond, 0, 2},
		"an object, 4 Mbit/s":          {broker.ObjectWindow(), broker.ObjectChunk + 50, 4 * mega, 10 * time.Millisecond, 0, 0.3},
		"an object in the house":       {broker.ObjectWindow(), broker.ObjectChunk + 50, 1000 * mega, time.Millisecond, 0.05, 0.25},
		"an object, 300 Mbit/s, 30 ms": {broker.ObjectWindow(), broker.ObjectChunk + 50, 300 * mega, 30 * time.Millisecond, 0.03, 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 { // half of it is asked for while the other half is on the line
				half := max(c.window.Messages()/2, 1)
				seconds := float64(2*half*c.bytes) / c.rate
				c.window.Pulled(half, c.bytes, c.trip, c.trip+time.Duration(seconds*float64(time.Second)))
			}
			if got := float64(c.window.Messages()*c.bytes) / c.rate; got < c.least || got > c.most {
				t.Errorf("%d messages are under way, %.3f s of the line, want %.3f to %.3f", c.window.Messages(), got, c.least, c.most)
			}
		})
	}
}

// Whoever reads a log and stops has little of it on a slow line: what is asked for behind it comes soon.
func TestWhatIsReadLeavesRoomOnTheLine(t *testing.T) {
	b := brokertest.Start(t)
	writer := b.Device("desk-1").Connect()
	for range 3 {
		batch := make([]events.Appending, 1000)
		for i := range batch {
			batch[i].Message = logtest.Event(t, "pat-1", "Condition/c-1")
			batch[i].Message.Data = bytes.Repeat([]byte("x"), 1000)
		}
		if _, err := writer.AppendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	d := b.Device("desk-2")
	reader := d.Connect()
	d.Bandwidth(4_000_000)
	for _, err := range reader.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reader.State(t.Context()); err != nil { // it comes behind all that is under way
			t.Fatal(err)
		}
		break
	}
	if got := reader.Received(); got > 200<<10 {
		t.Errorf("%d bytes came before an answer that was asked for at the first message", got)
	}
}

// A message of the log that looks like what the server says of a delivery is one of the log all the same: whoever could
// write one would else stop every desk there.
func TestAMessageThatLooksLikeAWordOfTheServerIsRead(t *testing.T) {
	for _, status := range []string{"100", "404", "408", "409"} {
		t.Run(status, func(t *testing.T) {
			l := brokertest.Start(t).Device("desk-1").Connect()
			list := []events.Appending{{Message: logtest.Event(t, "pat-1", "Condition/c-1")}, {Message: logtest.Event(t, "pat-1", "Condition/c-2")}}
			list[0].Message.Header["Status"], list[0].Message.Data = []string{status}, nil
			if _, err := l.AppendBatch(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var got []uint64
			for m, err := range l.Read(ctx, 1) {
				if err != nil {
					t.Fatalf("%v after messages %v", err, got)
				}
				if got = append(got, m.Sequence); len(got) == len(list) {
					break
				}
			}
		})
	}
}

// Whoever reads slowly misses nothing of what is under way, and need not begin again.
func TestAReaderThatRestsLosesNothing(t *testing.T) {
	d := brokertest.Start(t).Device("desk-1")
	c := d.Config()
	var said lines
	c.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	l, err := broker.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d.Await(l, true)
	const n = 4000
	for range n / 1000 {
		batch := make([]events.Appending, 1000)
		for i := range batch {
			batch[i].Message = logtest.Event(t, "pat-1", "Condition/c-1")
		}
		if _, err := l.AppendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	for m, err := range l.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Sequence%502 == 0 { // until nothing more comes
			for before, same := l.Received(), 0; same < 50; same++ {
				if _, err := l.State(t.Context()); err != nil {
					t.Fatal(err)
				}
				now := l.Received()
				if now-before > 2000 { // more than an answer
					same = 0
				}
				before = now
			}
		}
		if m.Sequence == n {
			break
		}
	}
	if n := said.count("level=WARN"); n > 0 {
		t.Errorf("the reading was disturbed %d times, first by %.200s", n, said.text.String())
	}
}

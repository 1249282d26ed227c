package attachments_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

const (
	benchSize   = 48 << 20
	benchObject = 8 << 20
)

// What a scan costs beside the barest way for the same bytes: a copy of a file that is
// synced, and objects of the broker's own object store.
func BenchmarkAttachment(b *testing.B) {
	p := newPractice(b)
	broker := brokertest.Start(b)
	device := broker.Device("one")
	log := device.Connect()
	one, two := p.desk("one"), p.desk("two")
	two.config.Server = func() attachments.Server { return log }
	dir := b.TempDir()
	count := 0
	fresh := func() []byte { // another content each time, at no cost
		count++
		data := noise(benchSize, 1)
		copy(data, fmt.Sprint(b.Name(), count))
		return data
	}
	nothing := func() []byte { return nil }

	timed(b, "file-copy", fresh, func(data []byte) error { return copyToFile(dir, data) })
	timed(b, "put", fresh, func(data []byte) error {
		_, held := one.put(patient, data)
		return held.Drop()
	})
	timed(b, "objects-put", fresh, func(data []byte) error {
		for i := range benchSize / benchObject {
			if err := log.PutObject(b.Context(), fmt.Sprint(i), data[i*benchObject:(i+1)*benchObject]); err != nil {
				return err
			}
		}
		return nil
	})
	var last *events.PieceSeal
	timed(b, "send", func() []byte {
		last = one.keep(patient, fresh())
		return nil
	}, func([]byte) error {
		one.sendAll(b.Context(), log)
		return nil
	})
	timed(b, "objects-get", nothing, func([]byte) error {
		for i := range benchSize / benchObject {
			if _, err := log.Object(b.Context(), fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	drain := func([]byte) error { return two.drain(b.Context(), last) }
	timed(b, "fetch", func() []byte {
		if err := os.RemoveAll(two.config.Dir); err != nil {
			b.Fatal(err)
		}
		two.open()
		return nil
	}, drain)
	timed(b, "read-again", nothing, drain)
}

// timed measures do, and not how what it takes is made.
func timed(b *testing.B, name string, prepare func() []byte, do func(prepared []byte) error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(benchSize)
		for b.Loop() {
			b.StopTimer()
			prepared := prepare()
			b.StartTimer()
			if err := do(prepared); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// copyToFile is the least that keeping a content can cost.
func copyToFile(dir string, data []byte) error {
	f, err := os.CreateTemp(dir, "copy-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, bytes.NewReader(data)); err != nil {
		return err
	}
	return f.Sync()
}

// sendAll sends until nothing is owed any more.
func (d *desk) sendAll(ctx context.Context, log attachments.Server) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); d.Send(ctx, log) }()
	for d.Owed() > 0 {
		<-d.changed
	}
	cancel()
	<-done
}

// drain reads a content to its end.
func (d *desk) drain(ctx context.Context, seal *events.PieceSeal) error {
	content, err := d.Open(ctx, seal)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, content)
	return err
}

package attachments_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/carelog/carelog/agent/attachments"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

const benchSize = 48 << 20

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
	bytesOf := func(n int) []byte { // another content each time, at no cost
		data := noise(benchSize, 1)
		copy(data, fmt.Sprint(b.Name(), n))
		return data
	}
	run := func(name string, prepare func(n int) any, do func(prepared any, n int) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchSize)
			for n := 0; b.Loop(); n++ {
				b.StopTimer()
				prepared := prepare(n)
				b.StartTimer()
				if err := do(prepared, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	count := 0
	fresh := func(int) any { count++; return bytesOf(count) }
	run("file-copy", fresh, func(data any, n int) error {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if _, err := io.Copy(f, bytes.NewReader(data.([]byte))); err != nil {
			return err
		}
		return f.Sync()
	})
	run("put", fresh, func(data any, _ int) error {
		_, held := one.put(patient, data.([]byte))
		return held.Drop()
	})
	run("objects-put", fresh, func(data any, n int) error {
		for i := range benchSize / (8 << 20) {
			if err := log.PutObject(b.Context(), fmt.Sprint(i), data.([]byte)[i<<23:(i+1)<<23]); err != nil {
				return err
			}
		}
		return nil
	})
	var last *events.PieceSeal
	run("send", func(n int) any {
		last = one.keep(patient, fresh(n).([]byte))
		return nil
	}, func(any, int) error {
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() { defer close(done); one.Send(ctx, log) }()
		for one.Owed() > 0 {
			<-one.changed
		}
		cancel()
		<-done
		return nil
	})
	run("objects-get", func(int) any { return nil }, func(any, int) error {
		for i := range benchSize / (8 << 20) {
			if _, err := log.Object(b.Context(), fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	drain := func(any, int) error {
		content, err := two.Open(b.Context(), last)
		if err != nil {
			return err
		}
		defer content.Close()
		_, err = io.Copy(struct{ io.Writer }{io.Discard}, content)
		return err
	}
	run("fetch", func(int) any {
		if err := os.RemoveAll(two.config.Dir); err != nil {
			b.Fatal(err)
		}
		two.open()
		return nil
	}, drain)
	run("read-again", func(int) any { return nil }, drain)
}

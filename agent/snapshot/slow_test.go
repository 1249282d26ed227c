package snapshot_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
)

// A snapshot comes over a line of 1 Mbit/s, and over one that loses a segment in twenty,
// at the first try and within the timeouts that a desk has.
func TestFetchOverABadLine(t *testing.T) {
	for name, spoil := range map[string]func(*brokertest.Device){
		"1 Mbit/s": func(d *brokertest.Device) { d.Bandwidth(1_000_000) },
		"5 % lost": func(d *brokertest.Device) { d.Loss(0.05, 200*time.Millisecond, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			w := brokertest.Start(t)
			o := newOffice(t, 300)
			maker := connect(t, w.Device("one"), 0)
			m, err := snapshot.Make(ctx, o.Config, maker)
			if err != nil {
				t.Fatal(err)
			}
			d := w.Device("two")
			spoil(d)
			slow := connect(t, d, 2500*time.Millisecond)
			path := filepath.Join(t.TempDir(), "got.db")
			if err := snapshot.Fetch(ctx, o.Config, slow, m, path, nil); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, o.file) {
				t.Errorf("the file is another one (%v)", err)
			}
		})
	}
}

// connect opens a device's connection and waits until it stands.
func connect(t *testing.T, d *brokertest.Device, timeout time.Duration) *broker.Log {
	t.Helper()
	c := d.Config()
	c.Timeout = timeout
	up := make(chan struct{}, 16)
	c.OnConnection = func(connected bool, _ error) {
		if connected {
			up <- struct{}{}
		}
	}
	l, err := broker.Connect(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	<-up
	return l
}

package brokertest

import (
	"net/url"
	"testing"
	"time"

	"github.com/carelog/carelog/broker"
)

// Timeout bounds one request of a device: short, since tests lose answers on purpose.
const Timeout = 1500 * time.Millisecond

// Device is an enrolled device, and its own line to the broker.
type Device struct {
	*Proxy
	Practice, Name, JWT, Seed string
	t                         testing.TB
}

// Device enrols a device of the practice, with a proxy of its own before the broker.
func (b *Broker) Device(name string) *Device {
	b.t.Helper()
	token, seed, err := broker.IssueUser(b.signing, b.account, Practice, name)
	if err != nil {
		b.t.Fatal(err)
	}
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	return &Device{Proxy: NewProxy(b.t, u.Host), Practice: Practice, Name: name, JWT: token, Seed: seed, t: b.t}
}

// Config is what broker.Connect wants; it may be changed before it is used.
func (d *Device) Config() broker.Config {
	return broker.Config{Practice: d.Practice, Device: d.Name, URLs: []string{d.URL()}, JWT: d.JWT, Seed: d.Seed, Timeout: Timeout}
}

// Connect connects, waits until the connection is there, and closes it with the test.
func (d *Device) Connect() *broker.Log {
	d.t.Helper()
	up := make(chan struct{}, 1)
	c := d.Config()
	c.OnConnection = func(connected bool, _ error) {
		if connected {
			select {
			case up <- struct{}{}:
			default:
			}
		}
	}
	l, err := broker.Connect(d.t.Context(), c)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := l.Close(); err != nil {
			d.t.Error(err)
		}
	})
	select {
	case <-up:
	case <-time.After(10 * time.Second):
		d.t.Fatalf("device %s does not get through to the broker", d.Name)
	}
	return l
}

// Await waits until a log says that it is not connected, or until it is connected
// and the broker answers: a line that was mended may not know yet that it was cut.
func (d *Device) Await(l *broker.Log, connected bool) {
	d.t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if !connected && !l.Connected() {
			return
		}
		if connected && l.Connected() {
			if _, err := l.State(d.t.Context()); err == nil {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-deadline:
			d.t.Fatalf("device %s: connected is still %v", d.Name, !connected)
		}
	}
}

package broker_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/broker/logtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a real broker as the conformance suite wants it.
type world struct{ *brokertest.Broker }

type device struct {
	*broker.Log
	*brokertest.Proxy
	line *brokertest.Device
}

func (w world) Device(name string) logtest.Device {
	d := w.Broker.Device(name)
	return device{d.Connect(), d.Proxy, d}
}

func (d device) Await(connected bool) { d.line.Await(d.Log, connected) }

func TestConformance(t *testing.T) {
	logtest.Run(t, func(t *testing.T, test func(*testing.T, logtest.World)) {
		t.Parallel() // most of the time is waiting for answers that were lost
		test(t, world{brokertest.Start(t)})
	})
}

package broker_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/events"
)

// Where something that is no broker answers, that is what is said: by who provisions, and each
// time by the connection of a device.
func TestWhatAnswersIsNoBroker(t *testing.T) {
	for name, says := range map[string]string{"it says nothing": "", "it speaks another protocol": "SSH-2.0-OpenSSH_9.9\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "nats://" + stranger(t, says)
			err := broker.Provision(t.Context(), broker.Access{URLs: []string{url}}, "p1", 1)
			if !errors.Is(err, broker.ErrNoBroker) || !errors.Is(err, events.ErrOffline) {
				t.Errorf("provision: %v", err)
			}
			told := make(chan error, 16)
			l, err := broker.Connect(t.Context(), broker.Config{Practice: "p1", Device: "desk-1", URLs: []string{url}, OnConnection: func(_ bool, err error) {
				select {
				case told <- err:
				default:
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			first := <-told
			for range 2 {
				if err := <-told; !errors.Is(err, broker.ErrNoBroker) || err.Error() != first.Error() {
					t.Errorf("%v, after %v", err, first)
				}
			}
		})
	}
}

// stranger listens and says something, or nothing, to each who comes.
func stranger(t *testing.T, says string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, says)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// A broker that nobody reaches is an error of its own.
func TestProvisionOffline(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"nats://127.0.0.1:1", "nats://nowhere.invalid:4222"} {
		if err := broker.Provision(t.Context(), broker.Access{URLs: []string{url}}, "p1", 1); !errors.Is(err, events.ErrOffline) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

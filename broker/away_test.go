package broker_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/carelog/carelog/broker"
)

// A desk can be without its broker for a weekend: each reason is said once, since that it
// still holds is no news.
func TestAwayIsLoggedOnce(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	tries := make(chan error)
	log, err := broker.Connect(t.Context(), broker.Config{
		Practice: "p1", Device: "desk-1", URLs: []string{"nats://" + nobody.Addr().String()},
		OnConnection: func(_ bool, err error) {
			select {
			case tries <- err:
			case <-t.Context().Done():
			}
		},
		Logger: slog.New(slog.NewTextHandler(&said, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := <-tries; err == nil {
			t.Error("there is no reason why there is no connection")
		}
	}
	go func() {
		for range tries { // whoever closes waits for what is told
		}
	}()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	close(tries)
	for _, reason := range []string{"no servers available", "connection refused"} {
		if n := strings.Count(said.String(), reason); n != 1 {
			t.Errorf("%q is said %d times, want once:\n%s", reason, n, said.String())
		}
	}
	if strings.Contains(said.String(), "<nil>") {
		t.Errorf("that it was closed here is no reason to be told:\n%s", said.String())
	}
}

package main_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// A client that never ends the header of its request holds no connection.
func TestAHeaderThatNeverEnds(t *testing.T) {
	t.Parallel()
	if carelog.MaxHeaderTime <= 0 || carelog.MaxHeaderTime > time.Minute {
		t.Errorf("a desk waits %v for a header", carelog.MaxHeaderTime)
	}
	server := carelog.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was taken for a request") }), 50*time.Millisecond)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- carelog.ServeUntil(ctx, server, listener, time.Second) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: desk\r\nX-"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(client); err != nil { // its end, and no word on what it wanted
		t.Errorf("the connection is held: %v, after %q", err, rest)
	}
}

// A client that stops in the middle of what it sends keeps a desk neither from ending well
// nor from closing its files when nobody uses them any more.
func TestServeUntilCutsOffWhoNeverFinishes(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- carelog.ServeUntil(ctx, server, listener, time.Millisecond) }()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := io.WriteString(client, "PUT / HTTP/1.1\r\nHost: desk\r\nContent-Length: 9\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	<-begun
	stop()
	if err := <-served; err != nil {
		t.Errorf("serving ended with %v", err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("half a request was taken for a whole one")
		}
	default:
		t.Error("a request was still under way when serving had ended")
	}
}

package pipetest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Server is a server and the way to it.
type Server struct {
	t     testing.TB
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

// Serve serves until the test ends.
func Serve(t testing.TB, handler http.Handler) *Server {
	t.Helper()
	s := &Server{t: t, conns: make(chan net.Conn), ended: make(chan struct{})}
	server := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(s) // ends with an error always
	}()
	t.Cleanup(func() {
		_ = server.Close() // of a pipe none
		<-served
	})
	return s
}

// Dial opens a connection, which ends with the test.
func (s *Server) Dial() net.Conn {
	near, far := net.Pipe()
	s.conns <- far
	s.t.Cleanup(func() { _ = near.Close() })
	return near
}

// Get asks for a path over a connection of its own. The body is the caller's to close.
func (s *Server) Get(path string) *http.Response {
	s.t.Helper()
	conn := s.Dial()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// Accept is for the server.
func (s *Server) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.ended:
		return nil, net.ErrClosed
	}
}

// Close is for the server.
func (s *Server) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// Addr is for the server: it has none.
func (s *Server) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

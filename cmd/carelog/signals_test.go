package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The first signal lets what is under way finish; the second one means now, and says what
// became of it.
func TestTheSecondSignalMeansNow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sheet, file := filepath.Join(dir, "sheet.txt"), filepath.Join(dir, "one.json")
	succeed(t, "practice", "add", "dr-peeters", "--no-running", "--data", filepath.Join(dir, "broker"), "--url", "nats://127.0.0.1:1", "--sheet", sheet)
	succeed(t, "device", "enrol", "Desk one", "--sheet", sheet, "--out", file)
	s, err := startService("the desk", filepath.Join(dir, "desk.log"),
		exec.Command("carelog", "agent", "--data", filepath.Join(dir, "one"), "--enrolment", file, "--listen", "127.0.0.1:0", "--json"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.end(t)
	at, err := url.Parse(s.text("url"))
	if err != nil {
		t.Fatal(err)
	}
	say := func(request string) (net.Conn, *bufio.Reader, int) {
		t.Helper()
		conn, err := net.Dial("tcp", at.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, request, at.Host); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(conn)
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		return conn, answers, answer.StatusCode
	}
	idle, rest, status := say("GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n")
	if status != http.StatusOK {
		t.Fatalf("the desk answers %d", status)
	}
	// A request whose body never comes holds the end up. That it is under way shows in that its body is asked for.
	if _, _, status := say("PUT /fhir/Patient/p1 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer " + s.text("token") +
		"\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); status != http.StatusContinue {
		t.Fatalf("the desk answers %d, want that it asks for the body", status)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := rest.ReadByte(); err != io.EOF { // who asks nothing is let go at the end
		t.Fatalf("%v: %v, want that it is closed", idle.RemoteAddr(), err)
	}
	if !s.running() {
		t.Fatal("the desk did not wait for the request that is under way")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("the desk ended with %d, want 130\n%s", code, s.lastWords())
	}
	if said := s.lastWords(); !strings.HasSuffix(said, "\ncarelog: stopped at once; what was accepted is safe") {
		t.Errorf("its last word is no other than that: %s", said)
	}
}

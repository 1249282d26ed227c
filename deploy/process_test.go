package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is a process that runs until it is told to stop.
type service struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
	ended  chan error
}

// startService starts a command as its unit does.
func startService(t *testing.T, args ...string) *service {
	t.Helper()
	s := &service{t: t, cmd: exec.Command(binary(t), args...), ended: make(chan error, 1)}
	s.cmd.Env, s.cmd.Stderr = plainEnvironment(), &s.stderr
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.stdout = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // where the test ended early
		<-s.ended
		out.Close()
	})
	return s
}

// line waits for the next line of the standard output.
func (s *service) line() string {
	s.t.Helper()
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		_ = s.cmd.Process.Kill()
		err := <-s.ended
		s.ended <- err
		s.t.Fatalf("%s ended without a line: %v\n%s", strings.Join(s.cmd.Args[1:], " "), err, s.stderr.String())
	}
	return strings.TrimSpace(line)
}

// stop tells the service to stop as systemd does, and wants that it does so in time
// and in order.
func (s *service) stop(within time.Duration) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	go io.Copy(io.Discard, s.stdout)
	select {
	case err := <-s.ended:
		s.ended <- err
		if err != nil {
			s.t.Errorf("%s: stopped with %v, want exit code 0\n%s", strings.Join(s.cmd.Args[1:], " "), err, s.stderr.String())
		}
	case <-timer.C:
		s.t.Errorf("%s: does not stop within %v, the TimeoutStopSec of its unit", strings.Join(s.cmd.Args[1:], " "), within)
	}
}

// The sample configurations start a broker and a headless agent, with no more changed
// than the folders and the port, by the steps of README.md.
func TestSamplesRun(t *testing.T) {
	folder := t.TempDir()
	brokerData, agentData, sheet := filepath.Join(folder, "broker"), filepath.Join(folder, "agent"), filepath.Join(folder, "sheet.txt")

	broker := startService(t, "--config", "broker.conf", "broker", "--data", brokerData, "--host", "127.0.0.1", "--port=-1", "--json")
	var ready struct{ URL string }
	if line := broker.line(); json.Unmarshal([]byte(line), &ready) != nil || ready.URL == "" {
		t.Fatalf("the broker says %q, want one line of JSON with its url", line)
	}
	mustCarelog(t, "practice", "add", "dr-peeters", "--name", "Dr Peeters", "--data", brokerData, "--url", ready.URL, "--sheet", sheet)
	if err := os.Mkdir(agentData, 0o700); err != nil {
		t.Fatal(err)
	}
	mustCarelog(t, "device", "enrol", "Server", "--sheet", sheet, "--out", filepath.Join(agentData, "enrolment.json"))

	agent := startService(t, "--config", "agent.conf", "agent", "--data", agentData)
	if line := agent.line(); !strings.Contains(line, "dr-peeters") {
		t.Errorf("the agent says %q, want it to name its practice", line)
	}
	// The first event of every device is its own registration: here it is on the broker.
	audit := startService(t, "audit", "log", "--data", agentData, "--follow", "--json")
	if line := audit.line(); !strings.Contains(line, "Device/") {
		t.Errorf("the first event of the log is %s, want the registration of the device", line)
	}
	audit.stop(unitOf(t, "carelog-agent").stopTimeout(t))
	agent.stop(unitOf(t, "carelog-agent").stopTimeout(t))
	broker.stop(unitOf(t, "carelog-broker").stopTimeout(t))
}

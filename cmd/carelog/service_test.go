package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is a carelog that runs in the background: a broker, a desk, a demo.
type service struct {
	name  string
	log   string // file of its standard error
	ready map[string]any
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and nothing of it is left
	err   error         // of its end; read after ended
}

// How long a service may take. Nothing depends on either but the time that a failing
// test takes.
const (
	startPatience = time.Minute
	stopPatience  = 30 * time.Second
)

// startService starts a command and waits for the line of JSON with which it says
// that it is ready. The caller ends it.
func startService(name, log string, cmd *exec.Cmd) (*service, error) {
	s := &service{name: name, log: log, cmd: cmd, ended: make(chan struct{})}
	stderr, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = struct{ io.Writer }{stderr} // written by us, also where its own disk is full
	cmd.SysProcAttr = diesWithUs()
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), stderr.Close())
	}
	line := make(chan error, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewReader(stdout)
		text, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &s.ready)
		}
		line <- err
		_, _ = io.Copy(io.Discard, lines)
		s.err = errors.Join(cmd.Wait(), stderr.Close())
	}()
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case err = <-line:
	case <-timer.C:
		err = fmt.Errorf("no line after %v", startPatience)
	}
	if err != nil {
		s.kill9()
		return nil, fmt.Errorf("%s did not say that it is ready: %w; it ended with %v\n%s", name, err, s.err, s.lastWords())
	}
	return s, nil
}

// text returns a field of the line with which the service said that it is ready.
func (s *service) text(field string) string {
	text, _ := s.ready[field].(string)
	return text
}

// port is the port of the service's URL.
func (s *service) port() string {
	u, err := url.Parse(s.text("url"))
	if err != nil {
		return ""
	}
	return u.Port()
}

// stop tells the service to end, as a system does that shuts down, and wants it to end
// well and in time.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
		s.kill9()
		return fmt.Errorf("stop %s: it does not end within %v\n%s", s.name, stopPatience, s.lastWords())
	}
	if s.err != nil {
		return fmt.Errorf("stop %s: %w\n%s", s.name, s.err, s.lastWords())
	}
	return nil
}

// kill9 ends the service at once, as a power cut does, and waits until it is gone.
func (s *service) kill9() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.ended
}

// running reports whether the service has not ended.
func (s *service) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// end kills the service where it still runs, and fails the test where the race detector
// found something in it or in one before it: who is killed has no exit code to say so.
func (s *service) end(t testing.TB) {
	t.Helper()
	s.kill9()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Error(err)
	}
	if at := bytes.Index(text, []byte("WARNING: DATA RACE")); at >= 0 {
		t.Errorf("%s had a data race:\n%.4000s", s.name, text[at:])
	}
	if t.Failed() {
		t.Log(s.lastWords())
	}
}

// lastWords are the last lines of the service's log.
func (s *service) lastWords() string {
	const most = 20
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-most):]
	return fmt.Sprintf("-- the last lines of the log of %s --\n%s", s.name, strings.Join(lines, "\n"))
}

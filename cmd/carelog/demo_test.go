package main_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// However a demo ends, no part of it is left behind to hold its ports and files: where its
// terminal is closed, which shell and system may both say, and where nobody can tell it.
func TestNothingOfADemoOutlivesIt(t *testing.T) {
	// Who started the tests may ignore SIGHUP, as nohup does, and a process ignores what its parent
	// did, unless that hears it.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
	for _, c := range []struct {
		name string
		ends syscall.Signal
		well bool
	}{{"its terminal is closed", syscall.SIGHUP, true}, {"it is killed", syscall.SIGKILL, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, err := startService("the demo", filepath.Join(dir, "demo.log"),
				exec.Command("carelog", "demo", "--data", filepath.Join(dir, "demo"), "--port", "0", "--patients", "1", "--json"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.end(t)
			var parts []int // a descriptor of each process, which can be read from once that has ended
			for _, pid := range pidsOf(t, s) {
				fd, err := unix.PidfdOpen(pid, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				defer func() { _ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) }() // not to be left here either
				parts = append(parts, fd)
			}
			for range 2 {
				if err := s.cmd.Process.Signal(c.ends); err != nil && s.running() {
					t.Fatal(err)
				}
			}
			<-s.ended
			if c.well && s.err != nil {
				t.Errorf("it ended with %v\n%s", s.err, s.lastWords())
			}
			for _, fd := range parts {
				n, err := 0, error(unix.EINTR)
				for errors.Is(err, unix.EINTR) { // Go's own signals as well
					n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(stopPatience.Milliseconds()))
				}
				if err != nil || n != 1 {
					t.Errorf("a part of it is left behind: %d, %v", n, err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "demo", "filled")); err != nil {
				t.Error(err)
			}
		})
	}
}

// A demo that is started again on any free ports has its desks on the line, as at the first time.
func TestADemoIsStartedAgain(t *testing.T) {
	o := &office{t: t, dir: t.TempDir()}
	for range 2 {
		s := o.start("demo", "demo", "--data", "demo", "--port", "0", "--patients", "1", "--json")
		t.Cleanup(func() { s.end(t) })
		for _, desk := range []string{"desk-1", "desk-2"} {
			o.carelog("wait", "--data", filepath.Join("demo", desk), "--for", "current", "--timeout", "60s")
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// pidsOf are the processes that a demo says it started.
func pidsOf(t *testing.T, s *service) (pids []int) {
	t.Helper()
	pidOf := func(part any) {
		fields, _ := part.(map[string]any)
		pid, ok := fields["pid"].(float64)
		if !ok {
			t.Fatalf("%v names no process", part)
		}
		pids = append(pids, int(pid))
	}
	pidOf(s.ready["broker"])
	pidOf(s.ready["hub"])
	desks, _ := s.ready["desks"].([]any)
	for _, desk := range desks {
		pidOf(desk)
	}
	if len(pids) != 4 {
		t.Fatalf("it has %d parts, want a broker, a hub and two desks", len(pids))
	}
	return pids
}

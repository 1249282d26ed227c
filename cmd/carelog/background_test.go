package main_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func start(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "start NAME program [args...]")
	s, name := stageOf(ts), args[0]
	if old := s.services[name]; old != nil && old.running() {
		ts.Fatalf("%s runs already", name)
	}
	path, err := exec.LookPath(args[1]) // in our own PATH, where carelog is this binary
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR"), "HOME=" + ts.Getenv("HOME"), "GORACE=" + os.Getenv("GORACE")}
	one, err := startService(name, ts.MkAbs(name+".log"), cmd)
	ts.Check(err)
	s.services[name] = one
	for field := range one.ready {
		ts.Setenv(name+"_"+field, one.text(field))
	}
	ts.Setenv(name+"_port", one.port())
}

// running finds a service that should run.
func running(ts *testscript.TestScript, name string) *service {
	s := stageOf(ts).services[name]
	switch {
	case s == nil:
		ts.Fatalf("%s was never started", name)
	case !s.running():
		ts.Fatalf("%s has ended by itself: %v\n%s", name, s.err, s.lastWords())
	}
	return s
}

func quit(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 1, "quit NAME...")
	for _, name := range args {
		ts.Check(running(ts, name).stop())
	}
}

func ends(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "ends NAME CODE")
	s := stageOf(ts).services[args[0]]
	if s == nil {
		ts.Fatalf("%s was never started", args[0])
	}
	timer := time.NewTimer(untilPatience)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
		ts.Fatalf("%s does not end within %v", args[0], untilPatience)
	}
	if code := strconv.Itoa(s.cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("%s ended with exit code %s, want %s\n%s", args[0], code, args[1], s.lastWords())
	}
}

func kill9(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 1, "kill9 NAME...")
	for _, name := range args {
		running(ts, name).kill9()
	}
}

// disk sets how large the files of a service may be: nothing, as on a full disk, no more
// than a size, as on one that gets full, or anything.
func disk(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, 2, "disk NAME full|free|BYTES")
	s := running(ts, args[0])
	if !strings.HasSuffix(s.cmd.Path, "-on-small-disk") {
		ts.Fatalf("%s was not started as carelog-on-small-disk", args[0])
	}
	limit := unix.Rlimit{Max: unix.RLIM_INFINITY}
	switch args[1] {
	case "full":
		limit.Cur = 0
	case "free":
		limit.Cur = unix.RLIM_INFINITY
	default:
		size, err := strconv.ParseUint(args[1], 10, 63)
		ts.Check(err)
		limit.Cur = size
	}
	ts.Check(unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil))
}

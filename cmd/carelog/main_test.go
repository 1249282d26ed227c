// Package main_test tests carelog from outside: each carelog in it is a process of
// its own with real files, sockets and signals.
//
// The scripts in testdata/script play stories and faults, one each, and are meant to
// be read; script_test.go says what their words mean. What cannot be listed is left
// to chance, with a seed: see TestKill9.
package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// The test binary is carelog as well, when it is called so.
func TestMain(m *testing.M) {
	// At the end of each process the race detector rests for a second, in case a goroutine
	// is left that meets another. None is left of ours, and hundreds of processes end here.
	_ = os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	testscript.Main(leakless{m}, map[string]func(){
		"carelog":   carelog.Main,
		"nats-node": node,
		// A file that is too large is a signal, where a full disk is an error only.
		"carelog-on-small-disk": func() { signal.Ignore(syscall.SIGXFSZ); carelog.Main() },
	})
}

// leakless fails where a goroutine outlives the tests.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if err := os.RemoveAll(clientFolder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "a goroutine is left behind:", err)
		return 1
	}
	return 0
}

// clientFolder is that of client, once it was asked for.
var clientFolder string

// client is the path of a carelog for commands that come and go. The scripts start some
// hundreds of them, and one that the race detector watches takes five times as long to
// start. What stays, as a broker and a desk do, is this binary, and watched.
var client = sync.OnceValues(func() (path string, err error) {
	if clientFolder, err = os.MkdirTemp("", "carelog-client-"); err != nil {
		return "", err
	}
	path = filepath.Join(clientFolder, "carelog")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.Join(fmt.Errorf("build carelog: %w", err), errors.New(string(out)))
	}
	return path, err
})

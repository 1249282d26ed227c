// Package main_test tests carelog from outside: each carelog in it is a process of
// its own with real files, sockets and signals.
//
// The scripts in testdata/script play stories and faults, one each, and are meant to
// be read; script_test.go says what their words mean. What cannot be listed is left
// to chance, with a seed: see TestKill9.
package main_test

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// The test binary is carelog as well, when it is called so.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){
		"carelog": carelog.Main,
		// A file that is too large is a signal, where a full disk is an error only.
		"carelog-on-small-disk": func() { signal.Ignore(syscall.SIGXFSZ); carelog.Main() },
	})
}

// leakless fails where a goroutine outlives the tests.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "a goroutine is left behind:", err)
		return 1
	}
	return 0
}

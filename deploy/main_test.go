// Package deploy_test holds the samples of this folder to the programs that read
// them: a sample that rots fails here, and not on the evening of an installation.
package deploy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// buildFolder is where the binary under test is built, once.
var buildFolder string

func TestMain(m *testing.M) {
	var err error
	if buildFolder, err = os.MkdirTemp("", "carelog-deploy-"); err != nil {
		fmt.Fprintln(os.Stderr, "make a folder for the binary:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(buildFolder); err != nil {
			fmt.Fprintln(os.Stderr, "remove the binary:", err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// build makes the binary the way the image does: static, without cgo.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildFolder, "carelog")
	cmd := exec.Command("go", "build", "-o", path, "../cmd/carelog")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build carelog: %w\n%s", err, out)
	}
	return path, nil
})

func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// carelog runs a command to its end and returns its exit code and what it said. Of
// the surroundings, it sees no variable that could set a flag.
func carelog(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return carelogWith(t, nil, args...)
}

// carelogWith is carelog with variables, each NAME=value.
func carelogWith(t *testing.T, variables []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(plainEnvironment(), variables...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run carelog %s: %v", strings.Join(args, " "), err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), problems.String()
}

// mustCarelog is carelog for a command that succeeds.
func mustCarelog(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := carelog(t, args...)
	if code != 0 {
		t.Fatalf("carelog %s: exit code %d, want 0\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func plainEnvironment() (env []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CARELOG_") {
			env = append(env, variable)
		}
	}
	return env
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flag is a flag as --help shows it.
type flag struct{ name, shown, variable string }

var (
	helpLine      = regexp.MustCompile(`^  (?:-\w, |    )--([a-z-]+)(?:\[?=(\S+))?`)
	variableAtEnd = regexp.MustCompile(`\(\$(CARELOG_[A-Z_]+)\)\.?$`) // of what is said of a flag, which may take several lines
)

// flagsOf lists the flags of a command.
func flagsOf(t *testing.T, command ...string) map[string]flag {
	t.Helper()
	flags := make(map[string]flag)
	var last string
	for line := range strings.SplitSeq(mustCarelog(t, append(command, "--help")...), "\n") {
		if m := helpLine.FindStringSubmatch(line); m != nil {
			last = m[1]
			flags[last] = flag{name: last, shown: strings.Trim(m[2], `"`)}
		}
		if m := variableAtEnd.FindStringSubmatch(line); m != nil && last != "" {
			f := flags[last]
			f.variable = m[1]
			flags[last] = f
		}
	}
	if len(flags) < 5 {
		t.Fatalf("carelog %s --help: read %d flags, want more: has the help another form now?", strings.Join(command, " "), len(flags))
	}
	return flags
}

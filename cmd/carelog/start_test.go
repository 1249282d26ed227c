package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// A command that asks a desk for one word loads all that a desk is made of. What a package
// makes before main is made for each of them, so no package may make much: its bytes are
// counted, since its time says more of the machine.
func TestNothingIsMadeBeforeMain(t *testing.T) {
	t.Parallel()
	const most = 2 << 20 // the tables of the largest package of others are a tenth of it
	cmd := exec.Command("carelog", "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("carelog --version: %v\n%s", err, out)
	}
	traced := regexp.MustCompile(`(?m)^init (\S+) @.*, (\d+) bytes,`).FindAllSubmatch(out, -1)
	if len(traced) == 0 {
		t.Fatalf("Go traces no package:\n%s", out)
	}
	for _, line := range traced {
		if made, err := strconv.Atoi(string(line[2])); err != nil || made > most {
			t.Errorf("package %s makes %s bytes before main, want at most %d", line[1], line[2], most)
		}
	}
}

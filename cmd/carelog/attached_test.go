package main_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What a program starts to have it for itself ends, and well, when the program is gone: its end
// of the input is closed then, however it died.
func TestAttachedEndsWithItsInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command("carelog", "--attached", "broker", "--data", filepath.Join(dir, "broker"), "--port=-1", "--json")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s, err := startService("the broker", filepath.Join(dir, "broker.log"), cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end(t)
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
		if s.err != nil {
			t.Errorf("it ended with %v\n%s", s.err, s.lastWords())
		}
	case <-time.After(stopPatience):
		t.Errorf("it has not ended after %v", stopPatience)
	}
}

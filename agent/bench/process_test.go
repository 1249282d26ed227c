package bench

import (
	"os/exec"
	"testing"
)

// Of a process that has ended, as a broker that was stopped in the middle, no memory is reported.
func TestMemoryOfOneThatHasEnded(t *testing.T) {
	p := &process{cmd: exec.Command("go", "version")}
	if err := p.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if high, err := p.highWater(); err == nil {
		t.Errorf("its memory is %d, want an error", high)
	}
}

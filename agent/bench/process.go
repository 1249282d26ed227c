package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a part of carelog that runs on its own, for as long as its input is open: so
// it ends with the bench, however that ends.
type process struct {
	name  string
	cmd   *exec.Cmd
	in    io.Closer
	lines *bufio.Reader
	said  bytes.Buffer // on its standard error
}

// begin starts carelog with arguments, and reads the line of JSON with which it says
// that it is ready. ctx bounds the start only.
func (g *ground) begin(ctx context.Context, ready any, args ...string) (*process, error) {
	p := &process{name: args[0], cmd: exec.Command(g.Binary, append([]string{"--attached"}, args...)...)}
	p.cmd.Stderr = &p.said
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = p.in.Close() })()
	p.lines = bufio.NewReader(out)
	line, err := p.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, ready)
	}
	if err != nil {
		return nil, errors.Join(context.Cause(ctx), fmt.Errorf("carelog %s does not start: %w", p.name, err), p.end())
	}
	return p, nil
}

// end stops the process, which may have ended by itself, and waits for it.
func (p *process) end() error {
	_ = p.in.Close()
	late := time.AfterFunc(endPatience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, p.lines)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("carelog %s: %w: %s", p.name, err, bytes.TrimSpace(p.said.Bytes()))
	}
	return nil
}

// endPatience is how long a process may take to end: a broker puts its index on the disk.
const endPatience = 2 * time.Minute

// highWater is the most memory that the process has had, in bytes. It must run: of one that has ended
// nothing is known, and a figure of 0 would be the best-looking one.
func (p *process) highWater() (int64, error) {
	high, err := HighWater(p.cmd.Process.Pid)
	if err == nil && high == 0 {
		err = fmt.Errorf("the memory of process %d cannot be known: it has ended", p.cmd.Process.Pid)
	}
	return high, err
}

// HighWater is the most memory that a process has had so far, in bytes, shared pages
// included; 0 where the system does not tell.
func HighWater(pid int) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, nil
}

// lookEvery is how often a process is asked how far it is: each question costs it.
const lookEvery = 100 * time.Millisecond

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	carelog "github.com/carelog/carelog/cmd/carelog"
)

// On a terminal an import shows how far it is, and leaves the line when it is done.
func TestAnImportDrawsItsProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sheet, file := filepath.Join(dir, "sheet.txt"), filepath.Join(dir, "one.json")
	succeed(t, "practice", "add", "dr-peeters", "--no-running", "--data", filepath.Join(dir, "broker"), "--url", "nats://127.0.0.1:1", "--sheet", sheet)
	succeed(t, "device", "enrol", "one", "--sheet", sheet, "--out", file)
	begun(t, make(map[string]*service), "one", exec.Command("carelog", "agent", "--data", filepath.Join(dir, "one"), "--enrolment", file, "--listen", "127.0.0.1:0", "--json"))
	succeed(t, "generate", "--patients", "5", "--seed", "7", "--out", filepath.Join(dir, "practice.ndjson"))
	screen, terminal := newTerminal(t)
	cmd := exec.Command("carelog", "import", "--data", filepath.Join(dir, "one"), "practice.ndjson")
	cmd.Dir, cmd.Stderr = dir, terminal
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	terminal.Close()
	shown, _ := io.ReadAll(screen) // it ends in an error, since nobody has the terminal any more
	if !regexp.MustCompile(`(?s)^\r\S*practice\.ndjson \[=* *\] \d+ of \d+.*\x1b\[K\r\n$`).Match(shown) {
		t.Errorf("the terminal shows %q", shown)
	}
}

// On a terminal a desk shows how far its first read is, below what it logs, and takes the line away when that is done.
func TestADeskDrawsItsFirstRead(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "one")
	o.carelog("generate", "--patients", "20", "--out", "practice.ndjson")
	o.carelog("import", "--data", "one", "practice.ndjson")
	o.settle()
	o.carelog("device", "enrol", "two", "--sheet", "sheet.txt", "--out", "two.json")
	screen, terminal := newTerminal(t)
	cmd := exec.Command("carelog", "agent", "--data", "two", "--enrolment", "two.json", "--listen", "127.0.0.1:0", "--broker", narrow(t, o.broker.text("url"), 250_000))
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.dir, terminal, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	shown := read(t, screen, regexp.MustCompile(`\rinitial \[=+ +\] \d+ of \d+[^\n]*\x1b\[K(?s:.*)\r\x1b\[K`))
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	rest, _ := io.ReadAll(screen) // it ends in an error, since nobody has the terminal any more
	_ = cmd.Wait()                // interrupted
	for line := range strings.Lines(string(shown) + string(rest)) {
		if i := strings.LastIndex(line, "level="); i >= 0 && strings.Contains(line[:i], " of ") && !strings.Contains(line[:i], "\r\x1b[Ktime=") {
			t.Errorf("what is logged stands in the line: %q", line)
		}
	}
}

// read reads what a terminal shows until it has what is waited for.
func read(t *testing.T, screen io.Reader, until *regexp.Regexp) (shown []byte) {
	t.Helper()
	for buffer := make([]byte, 4096); !until.Match(shown); {
		n, err := screen.Read(buffer)
		if shown = append(shown, buffer[:n]...); err != nil {
			t.Fatalf("%v; the terminal shows %q", err, shown)
		}
	}
	return shown
}

// newTerminal makes a terminal, and what is seen on it.
func newTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	return screen, terminal
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, total uint64
		rate        float64
		want        string
	}{
		{15, 0, 2.6, "\rit: 15 (3/s)\x1b[K\n"},
		{0, 60, 0, "\rit [                              ] 0 of 60\x1b[K\n"},
		{30, 60, 10, "\rit [===============               ] 30 of 60, 3s left\x1b[K\n"},
		{60, 60, 10, "\rit [==============================] 60 of 60\x1b[K\n"},
		{61, 60, 10, "\rit [==============================] 61 of 60\x1b[K\n"},
	} {
		var shown bytes.Buffer
		p := carelog.NewProgress(&shown)
		p.Show("it", c.done, c.total, c.rate)
		p.End()
		if shown.String() != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, shown.String(), c.want)
		}
	}
	var shown bytes.Buffer
	p := carelog.NewProgress(&shown)
	p.End()
	if shown.Len() > 0 {
		t.Errorf("%q, of what was never drawn", shown.String())
	}
}

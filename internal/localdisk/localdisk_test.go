package localdisk_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carelog/carelog/internal/localdisk"
)

// The test's own program is the other process: with this set it takes the lock there,
// says so, and holds it until its standard input ends.
const holdVariable = "LOCALDISK_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		_, err := localdisk.TakeLock(path)
		fmt.Println("held", err)
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLockIsFreedByAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holdVariable+"="+path)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	var said string
	if _, err := fmt.Fscanln(out, new(string), &said); err != nil || said != "<nil>" {
		t.Fatalf("the other process said %q: %v", said, err)
	}
	if _, err := localdisk.TakeLock(path); !errors.Is(err, localdisk.ErrLocked) {
		t.Fatalf("taken while another process has it: %v", err)
	}
	text, err := os.ReadFile(path)
	if got := strings.TrimSpace(string(text)); err != nil || got != fmt.Sprint(other.Process.Pid) {
		t.Errorf("the file names process %q, want %d: %v", got, other.Process.Pid, err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed
	lock, err := localdisk.TakeLock(path)
	if err != nil {
		t.Fatalf("not free after the other was killed: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestLockTwiceInOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := localdisk.TakeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := localdisk.TakeLock(path); !errors.Is(err, localdisk.ErrLocked) {
		t.Errorf("taken twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := localdisk.TakeLock(path)
	if err != nil {
		t.Fatalf("not free after Close: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestFree(t *testing.T) {
	free, err := localdisk.Free(t.TempDir())
	if err != nil || free <= 0 {
		t.Errorf("free: %d bytes, %v", free, err)
	}
	if _, err := localdisk.Free(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a folder that is not there has room")
	}
}

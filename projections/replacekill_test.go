//go:build unix

package projections_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// A process of its own plays a part of a test: it is killed, or its disk is full.
const partVariable = "CARELOG_TEST_PART"

func init() {
	part, dir, _ := strings.Cut(os.Getenv(partVariable), ":")
	switch part {
	case "replace":
		replaceForEver(dir)
	case "copy":
		copyOnFullDisk(dir)
	}
}

// replaceForEver replaces a store by copies of two logs in turn, and says when it begins.
func replaceForEver(dir string) {
	ctx := context.Background()
	s, err := projections.Open(ctx, filepath.Join(dir, "record.db"), options())
	must(err)
	for i := 0; ; i++ {
		next := filepath.Join(dir, "next.db")
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(next + suffix) // of a life before
		}
		text, err := os.ReadFile(filepath.Join(dir, []string{"one.db", "two.db"}[i%2]))
		must(err)
		must(os.WriteFile(next, text, 0o600))
		os.Stdout.WriteString("begins\n")
		must(s.Replace(ctx, next))
	}
}

func must(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(3)
	}
}

func TestReplaceKilledAtAnyMoment(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, seed))
	log := logOfAll()
	dir := t.TempDir()
	states := make(map[string]string)
	for name, list := range map[string][]projections.Entry{"one.db": log[:3], "two.db": log} {
		if err := os.Rename(copied(t, list...), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		states[replayed(t, list...)] = name
	}
	first := openAt(t, filepath.Join(dir, "record.db"))
	states[dump(t, first)] = "the first"
	finish(t, first)
	seen := make(map[string]int)
	for range 25 {
		killed(t, "replace:"+dir, 1+chance.IntN(3), time.Duration(chance.IntN(30_000))*time.Microsecond)
		s := openAt(t, filepath.Join(dir, "record.db"))
		which, whole := states[dump(t, s)]
		if !whole {
			t.Error("after a kill the store is neither the old file nor the new one")
		}
		seen[which]++
		finish(t, s)
	}
	t.Logf("found after kills: %v", seen)
}

// killed runs a part and kills it some time after it has begun its nth round.
func killed(t *testing.T, part string, rounds int, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < rounds && lines.Scan(); n++ {
	}
	<-time.After(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("it ended by itself: %v", err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait() // it was killed
}

// copyOnFullDisk copies where no file may grow beyond 64 KB.
func copyOnFullDisk(dir string) {
	ctx := context.Background()
	s, err := projections.Open(ctx, filepath.Join(dir, "record.db"), options())
	must(err)
	must(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: unix.RLIM_INFINITY}))
	err = s.Copy(ctx, filepath.Join(dir, "copy.db"))
	must(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}))
	var disk *projections.DiskError
	if !errors.As(err, &disk) {
		os.Stdout.WriteString("the error is " + err.Error())
		os.Exit(4)
	}
	must(s.Close())
	os.Exit(0)
}

func TestCopyOnAFullDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "record.db"))
	read(t, s, logOfAll()...)
	big := newDesk("big")
	apply(t, s, at(20, big.write(events.Record{Type: "Condition", ID: "big"}, note1(strings.Repeat("large ", 30_000)))))
	want := dump(t, s)
	finish(t, s)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"=copy:"+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("copy on a full disk: %v: %s", err, out)
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if _, err := os.Stat(filepath.Join(dir, "copy.db"+suffix)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("copy.db%s is left: %v", suffix, err)
		}
	}
	s = openAt(t, filepath.Join(dir, "record.db"))
	if dump(t, s) != want {
		t.Error("the store changed")
	}
	finish(t, s)
}

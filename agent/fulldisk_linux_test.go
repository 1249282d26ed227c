package agent_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/carelog/carelog/agent"
	"github.com/carelog/carelog/agent/agenttest"
	"github.com/carelog/carelog/agent/light"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/largetest"
	"github.com/carelog/carelog/projections"
)

// tightDisk is a disk of its own that gets full.
type tightDisk struct {
	t   *testing.T
	dir string
}

func newTightDisk(t *testing.T, megabytes int) *tightDisk {
	t.Helper()
	d := &tightDisk{t, t.TempDir()}
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("this machine lets nobody mount a small disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, 0); err != nil {
			t.Error(err)
		}
	})
	return d
}

// grow is as if a larger disk was put in.
func (d *tightDisk) grow(megabytes int) {
	d.t.Helper()
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		d.t.Fatal(err)
	}
}

// fill takes all that is free; free gives it back.
func (d *tightDisk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "downloads"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, unix.ENOSPC) {
		d.t.Fatalf("the disk does not get full: %v", err)
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *tightDisk) free() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "downloads")); err != nil {
		d.t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// incompressible is so much text that cannot be made shorter.
func incompressible(bytes int) string {
	text := make([]byte, bytes*3/4)
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	return base64.StdEncoding.EncodeToString(text)
}

// on is the practice with the desks of another disk, which keep as much room as usual.
func (p *practice) on(d *tightDisk) *practice {
	there := *p
	there.dir, there.reserve = d.dir, 4<<20
	return &there
}

func mustOffline(t *testing.T, d *agenttest.Desk) {
	t.Helper()
	if err := d.WorkOffline(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustOnline(t *testing.T, d *agenttest.Desk) {
	t.Helper()
	if err := d.WorkOnline(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// awaitDiskProblem waits until the light says what is wrong.
func awaitDiskProblem(d *agenttest.Desk) {
	d.Await("a light that is off for the disk", func(s agent.Status) bool {
		return s.Color == light.Offline && s.Problem != nil && s.Problem.Code == agent.ProblemDisk
	})
}

// Changes are made without a server until the disk is full. All that were accepted are shown, the
// last one too; the next is refused, and all goes on by itself when there is room.
func TestScenario19_ADiskGetsFull(t *testing.T) {
	disk := newTightDisk(t, 16)
	p := newPractice(t)
	one, two := p.on(disk).desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	mustOffline(t, one)
	var want []events.ID
	var err error
	for i := 0; err == nil && i < 5000; i++ {
		var w agent.Written
		if w, err = one.Note(fmt.Sprint("c", i), incompressible(7<<10)); err == nil {
			want = append(want, w.ID)
		}
	}
	if !errors.Is(err, agent.ErrDisk) {
		t.Fatalf("after %d changes: %v; want that the disk is full", len(want), err)
	}
	t.Logf("%d changes were accepted", len(want))
	for i, id := range want {
		shows(t, one, fmt.Sprint("c", i), id)
	}
	if err := one.Store().Check(t.Context()); err != nil {
		t.Error(err)
	}
	disk.grow(64)
	awaitShown(one)
	want = append(want, one.MustNote("after", "there is room").ID)
	mustOnline(t, one)
	p.healed(want, one, two)
}

// Another program has taken even the room that was kept: a change that is safe cannot be shown.
// That is said, and it is shown when there is room.
func TestScenario19_ADiskIsFullBetweenTheTwoFiles(t *testing.T) {
	disk := newTightDisk(t, 16)
	p := newPractice(t)
	one := p.on(disk).desk("one")
	one.AwaitGreen()
	before := one.MustNote("c1", "asthma")
	one.AwaitGreen()
	mustOffline(t, one)
	if err := os.Remove(filepath.Join(one.Config.Data, agent.ReserveFile)); err != nil {
		t.Fatal(err)
	}
	disk.fill()
	written := one.MustNote("c2", incompressible(7<<10))
	lacking(t, one, "c2", written)
	if _, err := one.Note("c3", "gout"); !errors.Is(err, agent.ErrDisk) {
		t.Errorf("the next change: %v; want that the disk is full", err)
	}
	disk.free()
	awaitShown(one)
	shows(t, one, "c2", written.ID)
	mustOnline(t, one)
	p.healed([]events.ID{before.ID, written.ID}, one)
}

// What was queued is sent while the disk is full, and that it arrived cannot be noted: it is, and
// nothing stands in the log twice, when there is room.
func TestScenario19_ADiskIsFullDuringAPush(t *testing.T) {
	disk := newTightDisk(t, 32)
	p := newPractice(t)
	one, two := p.on(disk).desk("one"), p.desk("two")
	one.AwaitGreen()
	two.AwaitGreen()
	mustOffline(t, one)
	var want []events.ID
	for i := range 40 {
		want = append(want, one.MustNote(fmt.Sprint("c", i), incompressible(7<<10)).ID)
	}
	disk.fill()
	mustOnline(t, one)
	awaitDiskProblem(one)
	for i, id := range want {
		shows(t, one, fmt.Sprint("c", i), id)
	}
	disk.free()
	p.healed(want, one, two)
}

// The practice's log is larger than the disk of a new desk: it says so, that it has not read
// everything, and reads on when there is room.
func TestScenario19_ADiskIsFullDuringALargeFirstSync(t *testing.T) {
	largetest.Unwatched(t)
	p := newPractice(t)
	p.interval = seldom
	disk := newTightDisk(t, 10)
	one := p.desk("one")
	one.AwaitGreen()
	var want []events.ID
	for i := range 25 {
		want = append(want, one.MustNote(fmt.Sprint("c", i), incompressible(400<<10)).ID)
	}
	two := p.on(disk).desk("two")
	awaitDiskProblem(two)
	if err := two.Incomplete(t.Context()); !errors.Is(err, agent.ErrIncomplete) {
		t.Errorf("all is here: %v", err)
	}
	disk.grow(128)
	p.healed(want, one, two)
}

// A desk was killed on a full disk. It opens all the same, can be read, takes no change, says
// why, and goes on by itself; where even the room that it kept is gone, it says how much it needs.
func TestScenario19_ADeskOpensOnAFullDisk(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprintf("room was kept %t", kept), func(t *testing.T) {
			disk := newTightDisk(t, 32)
			p := newPractice(t)
			p.reserve = 4 << 20
			one := p.desk("one")
			one.AwaitGreen()
			mustOffline(t, one)
			var want []events.ID
			for i := range 5 {
				want = append(want, one.MustNote(fmt.Sprint("c", i), incompressible(7<<10)).ID)
			}
			if _, err := one.Store().Record(t.Context(), agenttest.Condition("c4")); err != nil { // it is at rest
				t.Fatal(err)
			}
			data := filepath.Join(disk.dir, "one")
			copyFolder(t, one.Config.Data, data)
			if kept {
				copyFile(t, filepath.Join(one.Config.Data, agent.ReserveFile), filepath.Join(data, agent.ReserveFile))
			}
			one.Stop()
			disk.fill()
			one.Config.Data = data
			if !kept {
				a, err := agent.Open(t.Context(), one.Config)
				if !errors.Is(err, agent.ErrDisk) || !strings.Contains(err.Error(), "carelog needs 4.2 MB") {
					t.Errorf("got %v; want that the disk is full, and how much is needed", err)
				}
				if err == nil {
					_ = a.Close()
				}
				disk.free()
				one.Start()
				mustOnline(t, one)
				p.healed(want, one)
				return
			}
			one.Start()
			for i, id := range want {
				shows(t, one, fmt.Sprint("c", i), id)
			}
			if _, err := one.Records().Record(t.Context(), agenttest.Condition("none")); !errors.Is(err, projections.ErrNotFound) || errors.Is(err, agent.ErrIncomplete) {
				t.Errorf("what is not there: %v", err)
			}
			if _, err := one.Note("c5", "gout"); !errors.Is(err, agent.ErrDisk) {
				t.Errorf("a change: %v; want that the disk is full", err)
			}
			one.Await("a warning", func(s agent.Status) bool { return len(s.Warnings) == 1 && s.Warnings[0].Code == "disk-full" })
			mustOnline(t, one)
			awaitDiskProblem(one)
			disk.free()
			p.healed(want, one)
			want = append(want, one.MustNote("c5", "gout").ID)
			p.healed(want, one)
		})
	}
}

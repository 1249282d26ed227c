package trail_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/broker/memlog"
)

// practice is desks whose trails go over one server.
type practice struct {
	server *memlog.Server
	clock  *clock
	keys   map[string]ed25519.PrivateKey
}

func newPractice() *practice {
	return &practice{server: memlog.NewServer("p1"), clock: &clock{now: start}, keys: make(map[string]ed25519.PrivateKey)}
}

// desk is one of them and its line.
type desk struct {
	*trail.Trail
	practice *practice
	name     string
	folder   string
	line     *memlog.Log
	away     bool // there is no server
}

func (p *practice) desk(t fatal, name, folder string) *desk {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.keys[name] = private
	d := &desk{practice: p, name: name, folder: folder, line: p.server.Client(name)}
	d.line.SetTimeout(time.Millisecond)
	d.open(t)
	return d
}

type fatal interface{ Fatal(...any) }

func (d *desk) open(t fatal) {
	var err error
	d.Trail, err = trail.Open(trail.Config{Folder: d.folder, Now: d.practice.clock.Now, Device: d.name, Practice: &trail.Practice{
		ID: "p1", Key: make([]byte, 32), Sign: d.practice.keys[d.name], Busy: func() bool { return false },
		Trusted: func(_ context.Context, device string) (ed25519.PublicKey, error) {
			return d.practice.keys[device].Public().(ed25519.PublicKey), nil
		},
		Server: func() trail.Server {
			if d.away {
				return nil
			}
			return d.line
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func (d *desk) close(t fatal) {
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// sees is what a desk finds, the last first.
func (d *desk) sees(t interface{ Fatalf(string, ...any) }, q trail.Query) (list []string) {
	for _, e := range all(t, d.Trail, q) {
		list = append(list, e.Device+" "+e.What)
	}
	return list
}

// TestDesksFindEachOthersLooks: in one order, page by page, with the desk of each; by its
// id too; and who cannot ask says so.
func TestDesksFindEachOthersLooks(t *testing.T) {
	p := newPractice()
	a, b := p.desk(t, "a", t.TempDir()), p.desk(t, "b", t.TempDir())
	defer a.close(t)
	defer b.close(t)
	for i := range 3 {
		for _, d := range []*desk{a, b} {
			p.clock.set(p.clock.Now().Add(time.Minute))
			d.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/", i), Patients: []string{fmt.Sprint("p", i%2)}})
		}
		if err := errors.Join(a.Send(t.Context()), b.Send(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"b Basic/2", "a Basic/2", "b Basic/1", "a Basic/1", "b Basic/0", "a Basic/0"}
	for _, d := range []*desk{a, b} {
		for limit := range 7 {
			if got := d.sees(t, trail.Query{Limit: limit}); !slices.Equal(got, want) {
				t.Errorf("desk %s by %d: %v, want %v", d.name, limit, got, want)
			}
		}
		if got, want := d.sees(t, trail.Query{Patient: "p1"}), []string{"b Basic/1", "a Basic/1"}; !slices.Equal(got, want) {
			t.Errorf("desk %s of p1: %v, want %v", d.name, got, want)
		}
	}
	page, err := a.Search(t.Context(), trail.Query{From: p.clock.Now().Add(-time.Minute)})
	if err != nil || len(page.Entries) != 2 || page.Missing != nil || len(page.Others) != 1 || page.Others[0].Device != "b" || !page.Others[0].Until.Equal(p.clock.Now()) {
		t.Errorf("the last minute is %+v, %v", page, err)
	}
	for _, e := range all(t, b.Trail, trail.Query{}) {
		if got, err := a.Read(t.Context(), e.ID); err != nil || got.Device != e.Device || got.What != e.What {
			t.Errorf("%s reads as %+v, %v", e.ID, got, err)
		}
	}
	theirs := page.Entries[0].ID
	a.away = true
	page, err = a.Search(t.Context(), trail.Query{})
	if err != nil || !errors.Is(page.Missing, trail.ErrAlone) || len(page.Entries) != 3 || page.Entries[0].Device != "a" {
		t.Errorf("without the server: %+v, %v", page, err)
	}
	if _, err := a.Read(t.Context(), theirs); !errors.Is(err, trail.ErrNotFound) || !errors.Is(err, trail.ErrAlone) {
		t.Errorf("read another desk's without the server: %v", err)
	}
}

// TestLooksInAnothersName are told, and what the others kept is found all the same.
func TestLooksInAnothersName(t *testing.T) {
	p := newPractice()
	a, b, c := p.desk(t, "a", t.TempDir()), p.desk(t, "b", t.TempDir()), p.desk(t, "c", t.TempDir())
	for _, d := range []*desk{a, b, c} {
		defer d.close(t)
		d.Add(trail.Entry{Did: "read", What: "Basic/x"})
		if err := d.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.keys["c"] = p.keys["b"]
	page, err := a.Search(t.Context(), trail.Query{})
	if err != nil || len(page.Entries) != 2 || len(page.Others) != 2 || page.Others[0].Err != nil || !errors.Is(page.Others[1].Err, trail.ErrForged) {
		t.Errorf("got %+v, %v", page, err)
	}
}

// TestNoLookIsLostOrTwice: whatever is lost on the way, whoever is killed, whatever the
// server or the folder is a copy of: when the desk has sent, others find what it kept or
// had sent before, each once, by whatever pages and by its id. The clock goes forth and back,
// or stands, and then it is chance which of two ids is the higher one.
func TestNoLookIsLostOrTwice(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		p := newPractice()
		folder := filepath.Join(base, fmt.Sprint(runs))
		a, reader := p.desk(t, "a", folder), p.desk(t, "reader", folder+"r")
		defer func() { a.close(t); reader.close(t) }()
		chance := rand.NewChaCha8([32]byte{rapid.Uint8().Draw(t, "chance")})
		opened := func() {
			a.SetRunSize(300) // two or three fill a run
			a.SetEntropy(chance)
		}
		opened()
		kept, here, copied := map[string]bool{}, map[string]bool{}, map[string]bool{}
		n := 0
		send := func() error { return a.Send(t.Context()) }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n++
				p.clock.set(p.clock.Now().Add(time.Duration(rapid.IntRange(-200, 400).Draw(t, "hours")) * time.Hour))
				e := trail.Entry{Did: "read", What: fmt.Sprint("Basic/", n)}
				a.Add(e)
				kept["a "+e.What], here["a "+e.What] = true, true
			},
			"send":       func(*rapid.T) { _ = send() },
			"lost ack":   func(*rapid.T) { a.line.LoseAcks(1); _ = send(); a.line.Mend() },
			"lost send":  func(*rapid.T) { a.line.LoseSends(1); _ = send(); a.line.Mend() },
			"killed":     func(t *rapid.T) { a.close(t); a.open(t); opened() },
			"mark gone":  func(*rapid.T) { _ = os.Remove(filepath.Join(folder, "sent.json")) },
			"server new": func(*rapid.T) { p.server.Wipe(); kept = maps.Clone(here) }, // what only the server had is gone
			"copy": func(t *rapid.T) {
				_ = os.RemoveAll(folder + "copy")
				if err := os.CopyFS(folder+"copy", os.DirFS(folder)); err != nil {
					t.Fatal(err)
				}
				copied = maps.Clone(here)
			},
			"restore": func(t *rapid.T) {
				if _, err := os.Stat(folder + "copy"); err != nil {
					t.Skip()
				}
				here, kept = maps.Clone(copied), maps.Clone(copied)
				for _, what := range reader.sees(t, trail.Query{}) {
					kept[what] = true
				}
				a.restore(t, folder+"copy")
				opened()
			},
			"": func(t *rapid.T) {},
		})
		if err := send(); err != nil {
			t.Fatal(err)
		}
		found := all(t, reader.Trail, trail.Query{Limit: rapid.IntRange(1, 4).Draw(t, "limit")})
		if !slices.IsSortedFunc(found, func(x, y trail.Entry) int { return y.ID.Compare(x.ID) }) {
			t.Fatalf("found out of order: %v", found)
		}
		once := make(map[string]bool)
		for _, e := range found {
			once["a "+e.What] = true
			if got, err := reader.Read(t.Context(), e.ID); err != nil || got.What != e.What {
				t.Fatalf("%s reads as %+v, %v", e.What, got, err)
			}
		}
		if len(found) != len(once) || !maps.Equal(once, kept) {
			t.Fatalf("found %v, kept %v", found, kept)
		}
		if err := send(); err != nil || len(all(t, reader.Trail, trail.Query{})) != len(found) {
			t.Fatalf("sent again: %v", err)
		}
	})
}

// restore puts a folder back to what a copy of it holds.
func (d *desk) restore(t fatal, from string) {
	d.close(t)
	if err := errors.Join(os.RemoveAll(d.folder), os.CopyFS(d.folder, os.DirFS(from))); err != nil {
		t.Fatal(err)
	}
	d.open(t)
}

// TestLooksBehindOnesThatWereForgotten: a folder that came back from a copy, under a clock
// that is behind, gives ids below some that were sent. All are found once all the same, in
// the order of their ids: by pages, by a time, and each by its id.
func TestLooksBehindOnesThatWereForgotten(t *testing.T) {
	p := newPractice()
	a, reader := p.desk(t, "a", t.TempDir()), p.desk(t, "reader", t.TempDir())
	defer func() { a.close(t); reader.close(t) }()
	add := func(hour int) {
		p.clock.set(start.Add(time.Duration(hour) * time.Hour))
		a.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/", hour)})
	}
	send := func() {
		if err := a.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	backup := filepath.Join(t.TempDir(), "copy")
	add(1)
	if err := os.CopyFS(backup, os.DirFS(a.folder)); err != nil {
		t.Fatal(err)
	}
	add(2)
	add(4)
	send()
	a.restore(t, backup)
	add(3)
	send()
	want := []string{"a Basic/4", "a Basic/3", "a Basic/2", "a Basic/1"}
	for limit := range 6 {
		if got := reader.sees(t, trail.Query{Limit: limit}); !slices.Equal(got, want) {
			t.Errorf("by %d: %v, want %v", limit, got, want)
		}
	}
	if got := reader.sees(t, trail.Query{From: start.Add(4 * time.Hour)}); !slices.Equal(got, want[:1]) {
		t.Errorf("from the last on: %v", got)
	}
	for _, e := range all(t, reader.Trail, trail.Query{}) {
		if got, err := reader.Read(t.Context(), e.ID); err != nil || got.What != e.What {
			t.Errorf("%s reads as %+v, %v", e.What, got, err)
		}
	}
	p.clock.set(start) // still behind: what it kept after it has seen what it sent is the last
	a.Add(trail.Entry{Did: "read", What: "Basic/5"})
	send()
	if got, want := reader.sees(t, trail.Query{Limit: 2}), slices.Insert(want, 0, "a Basic/5"); !slices.Equal(got, want) {
		t.Errorf("afterwards: %v, want %v", got, want)
	}
}

// TestWhatStandsInPlaceOfATornLine: a run says nothing of the bytes behind its last entry: a
// folder that came back from a copy may have another entry there.
func TestWhatStandsInPlaceOfATornLine(t *testing.T) {
	p := newPractice()
	a, reader := p.desk(t, "a", t.TempDir()), p.desk(t, "reader", t.TempDir())
	defer func() { a.close(t); reader.close(t) }()
	a.Add(trail.Entry{Did: "read", What: "Basic/1"})
	backup := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(backup, os.DirFS(a.folder)); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(a.folder, "2026-11.ndjson"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString("{\"at\":\"2026\n") // torn, and ended by the entry that came next
		err = errors.Join(err, file.Close(), a.Send(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	a.restore(t, backup)
	a.Add(trail.Entry{Did: "read", What: "Basic/2"})
	if err := a.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := reader.sees(t, trail.Query{}), []string{"a Basic/2", "a Basic/1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestShareSendsInTheBackground, where nothing goes before, as soon as there is much.
func TestShareSendsInTheBackground(t *testing.T) {
	p := newPractice()
	a, b := p.desk(t, "a", t.TempDir()), p.desk(t, "b", t.TempDir())
	defer a.close(t)
	defer b.close(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Share(ctx) }()
	for range 3 {
		a.Add(trail.Entry{Did: "read", What: "Basic/b1", Query: []string{strings.Repeat("x", 30<<10)}})
	}
	for {
		if got := b.sees(t, trail.Query{}); len(got) == 3 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("it was not sent")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

var _ trail.Server = (*memlog.Log)(nil)

package trail_test

import (
	"context"
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
	"github.com/carelog/carelog/events"
)

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
			"send":      func(*rapid.T) { _ = send() },
			"lost ack":  func(*rapid.T) { a.line.LoseAcks(1); _ = send(); a.line.Mend() },
			"lost send": func(*rapid.T) { a.line.LoseSends(1); _ = send(); a.line.Mend() },
			"killed":    func(t *rapid.T) { a.close(t); a.open(t); opened() },
			"torn": func(t *rapid.T) {
				a.close(t)
				a.tear(t, rapid.IntRange(1, 150).Draw(t, "bytes"))
				a.open(t)
				opened()
			},
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
					t.Skip("there is no copy yet that could come back")
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

// tear leaves the beginning of a line at the end of the last file, as a power cut does.
func (d *desk) tear(t fatal, bytes int) {
	months, err := filepath.Glob(filepath.Join(d.folder, "*.ndjson"))
	if err != nil || len(months) == 0 {
		t.Fatal("there is no file to tear", err)
	}
	file, err := os.OpenFile(months[len(months)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(strings.Repeat("{", bytes))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forgotten is a desk that sent looks of the hours 1, 2 and 4, came back from a copy of hour
// 1, and sent one of hour 3, its clock being behind; and one that reads them.
func forgotten(t *testing.T) (a, reader *desk) {
	p := newPractice()
	a, reader = p.desk(t, "a", t.TempDir()), p.desk(t, "reader", t.TempDir())
	t.Cleanup(func() { a.close(t); reader.close(t) })
	backup := filepath.Join(t.TempDir(), "copy")
	a.look(1)
	if err := os.CopyFS(backup, os.DirFS(a.folder)); err != nil {
		t.Fatal(err)
	}
	a.look(2)
	a.look(4)
	if err := a.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.restore(t, backup)
	a.look(3)
	if err := a.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, reader
}

// look adds an entry at an hour, and names it by that.
func (d *desk) look(hour int) {
	d.practice.clock.set(start.Add(time.Duration(hour) * time.Hour))
	d.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/", hour)})
}

// TestLooksBehindOnesThatWereForgotten: a folder that came back from a copy, under a clock
// that is behind, gives ids below some that were sent. All are found once all the same, in
// the order of their ids: by pages, by a time, and each by its id.
func TestLooksBehindOnesThatWereForgotten(t *testing.T) {
	a, reader := forgotten(t)
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
	a.look(0) // still behind: what it kept after it has seen what it sent is the last
	if err := a.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := reader.sees(t, trail.Query{Limit: 2}), slices.Insert(want, 0, "a Basic/0"); !slices.Equal(got, want) {
		t.Errorf("afterwards: %v, want %v", got, want)
	}
}

// lacking is a server that does not give one run.
type lacking struct {
	trail.Server
	sequence uint64
	err      error
}

func (l lacking) Looks(ctx context.Context, device string, at uint64) (events.Stored, error) {
	if at == l.sequence {
		return events.Stored{}, l.err
	}
	return l.Server.Looks(ctx, device, at)
}

// TestLooksBehindARunThatIsMissing are found, though the run before might have had higher
// ones; and unless it is gone by its age, that it is missing is said.
func TestLooksBehindARunThatIsMissing(t *testing.T) {
	_, reader := forgotten(t)
	for err, says := range map[error]error{events.ErrNoMessage: nil, events.ErrOffline: events.ErrOffline} {
		reader.instead = lacking{reader.line, 1, err}
		page, err := reader.Search(t.Context(), trail.Query{})
		if err != nil || len(page.Entries) != 1 || page.Entries[0].What != "Basic/3" || len(page.Others) != 1 || !errors.Is(page.Others[0].Err, says) {
			t.Errorf("got %+v, %v, want Basic/3 and %v", page, err, says)
		}
	}
}

// TestWhatStandsInPlaceOfATornLine: a run says nothing of the bytes behind its last entry: a
// folder that came back from a copy may have another entry there.
func TestWhatStandsInPlaceOfATornLine(t *testing.T) {
	p := newPractice()
	a, reader := p.desk(t, "a", t.TempDir()), p.desk(t, "reader", t.TempDir())
	defer func() { a.close(t); reader.close(t) }()
	add := func(what string) {
		p.clock.set(p.clock.Now().Add(time.Minute))
		a.Add(trail.Entry{Did: "read", What: what})
		if err := a.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	add("Basic/1")
	p.server.Wipe() // so that it goes once more, with what is behind it
	backup := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(backup, os.DirFS(a.folder)); err != nil {
		t.Fatal(err)
	}
	a.close(t)
	a.tear(t, 20)
	a.open(t)
	a.SetRunSize(150) // the entry and the torn line, not the one that comes then
	add("Basic/2")
	a.restore(t, backup)
	add("Basic/3")
	if got, want := reader.sees(t, trail.Query{}), []string{"a Basic/3", "a Basic/2", "a Basic/1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

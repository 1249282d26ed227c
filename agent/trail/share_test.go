package trail_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/broker/memlog"
	"github.com/carelog/carelog/events"
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
	away     bool         // there is no server
	instead  trail.Server // of the line; nil: the line itself
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
			if d.instead != nil {
				return d.instead
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

// asking counts the runs that are asked for.
type asking struct {
	trail.Server
	asked int
}

func (s *asking) Looks(ctx context.Context, device string, at uint64) (events.Stored, error) {
	s.asked++
	return s.Server.Looks(ctx, device, at)
}

// TestPagesFarBackReadTheirOwnRuns, and no others: of each desk the last, which says until
// when it is known, and those with entries of the page.
func TestPagesFarBackReadTheirOwnRuns(t *testing.T) {
	p := newPractice()
	a, b, c := p.desk(t, "a", t.TempDir()), p.desk(t, "b", t.TempDir()), p.desk(t, "c", t.TempDir())
	const runs = 20
	for i := range runs {
		for _, d := range []*desk{a, b, c} {
			if d == c && i > 0 {
				continue // c looked once, long ago
			}
			p.clock.set(p.clock.Now().Add(time.Minute))
			d.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/", i), Patients: []string{"p1"}})
			if err := d.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	defer a.close(t)
	defer b.close(t)
	defer c.close(t)
	server := &asking{Server: a.line}
	a.instead = server
	var got []string
	q := trail.Query{Limit: 2}
	for {
		server.asked = 0
		page, err := a.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if server.asked > 6 {
			t.Errorf("page %d asks for %d runs", len(got)/2, server.asked)
		}
		for _, e := range page.Entries {
			got = append(got, e.Device+" "+e.What)
		}
		if q.After = page.Next; page.Next == "" {
			break
		}
	}
	if want := b.sees(t, trail.Query{}); !slices.Equal(got, want) || len(got) != 2*runs+1 {
		t.Errorf("by pages %v, want %v", got, want)
	}
}

// TestCursorsOfOtherRuns count for what they say of the order, and what was tampered with is
// refused.
func TestCursorsOfOtherRuns(t *testing.T) {
	p := newPractice()
	a, b := p.desk(t, "a", t.TempDir()), p.desk(t, "b", t.TempDir())
	defer a.close(t)
	defer b.close(t)
	for i := range 6 {
		p.clock.set(p.clock.Now().Add(time.Minute))
		b.Add(trail.Entry{Did: "read", What: fmt.Sprint("Basic/", i)})
		if err := b.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := a.Search(t.Context(), trail.Query{Limit: 2})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, after := range []string{first.Next + "x", first.Next + ".", strings.ToLower(first.Next), "01KE6JQ7W83PZTQXQC5VTZBZMZ.e30", "." + first.Next, "x"} {
		if page, err := a.Search(t.Context(), trail.Query{After: after}); !errors.Is(err, trail.ErrCursor) {
			t.Errorf("%q finds %+v, %v", after, page, err)
		}
	}
	id, _, _ := strings.Cut(first.Next, ".")
	p.server.Wipe() // and the desk gives it all of its runs again, in one
	if err := b.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, after := range []string{id, first.Next} {
		page, err := a.Search(t.Context(), trail.Query{After: after})
		if err != nil || len(page.Entries) != 4 || page.Entries[0].What != "Basic/3" {
			t.Errorf("behind %q there are %+v, %v", after, page, err)
		}
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

package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carelog/carelog/agent/snapshot"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

func TestMakeAndFetch(t *testing.T) {
	ctx := context.Background()
	o, s := newOffice(t, 600), newShelf()
	m := o.mustMake(t, s)
	if len(m.Parts) < 4 || m.Events != 600 || m.Position.Sequence != 600 || m.Plain() != int64(len(o.file)) {
		t.Fatalf("made %d parts of %d events up to %d, %d bytes; want several of 600 up to 600, %d bytes", len(m.Parts), m.Events, m.Position.Sequence, m.Plain(), len(o.file))
	}
	if left, _ := os.ReadDir(o.Dir); len(left) > 0 {
		t.Errorf("the maker left %v", left)
	}
	good, rejected := o.newest(t, s)
	if len(good) != 1 || len(rejected) > 0 || good[0].ID != m.ID {
		t.Fatalf("newest: %v, %v", good, rejected)
	}
	path := filepath.Join(t.TempDir(), "got.db")
	var last snapshot.Progress
	if err := snapshot.Fetch(ctx, o.Config, s, good[0], path, func(p snapshot.Progress) { last = p }); err != nil {
		t.Fatal(err)
	}
	if want := (snapshot.Progress{Here: m.Sealed(), Came: m.Sealed(), Total: m.Sealed()}); last != want {
		t.Errorf("progress ended at %+v, want %+v", last, want)
	}
	sameFile(t, path, o.file)
	for name, data := range s.content {
		if bytes.Contains(data, []byte("SQLite format 3")) || bytes.Contains(data, []byte("stream-1")) {
			t.Errorf("object %s can be read without the key", name)
		}
	}
}

func sameFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes and is not the one of %d that was copied (%v)", len(got), len(want), err)
	}
	if _, err := os.Stat(path + ".part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a half-made file is left: %v", err)
	}
}

// Whatever is wrong with a part is found, and the file never gets its name.
func TestFetchRefusesWhatIsNotAsItWasMade(t *testing.T) {
	ctx := context.Background()
	o, s := newOffice(t, 600), newShelf()
	m := o.mustMake(t, s)
	name := s.part("000002")
	whole := bytes.Clone(s.content[name])
	for what, spoil := range map[string][]byte{
		"flipped bit":     append(append(bytes.Clone(whole[:100]), whole[100]^4), whole[101:]...),
		"cut short":       whole[:len(whole)-1],
		"empty":           {},
		"another part":    s.content[s.part("000001")],
		"form of a later": append([]byte{9}, whole[1:]...),
	} {
		s.content[name] = spoil
		path := filepath.Join(t.TempDir(), "got.db")
		err := snapshot.Fetch(ctx, o.Config, s, m, path, nil)
		var damaged *events.DamagedError
		if !errors.As(err, &damaged) && !errors.Is(err, snapshot.ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file has its name: %v", what, err)
		}
		s.content[name] = whole
		if err := snapshot.Fetch(ctx, o.Config, s, m, path, nil); err != nil {
			t.Errorf("%s, and put right again: %v", what, err)
		}
		sameFile(t, path, o.file)
	}
	delete(s.content, name)
	if err := snapshot.Fetch(ctx, o.Config, s, m, filepath.Join(t.TempDir(), "got.db"), nil); !errors.Is(err, events.ErrNoMessage) {
		t.Errorf("missing part: %v", err)
	}
}

func TestNewestSaysWhyASnapshotIsNotTaken(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(o *office, s *shelf, id string)
		want  func(error) bool
	}{
		"a part is missing": {func(_ *office, s *shelf, id string) { delete(s.content, id+".000001") }, reason(snapshot.ErrIncomplete)},
		"another log":       {func(o *office, _ *shelf, _ string) { o.Stream = "stream-2" }, reason(snapshot.ErrForeign)},
		"another practice":  {func(o *office, _ *shelf, _ string) { o.Practice = "p2" }, damaged},
		"another key":       {func(o *office, _ *shelf, _ string) { o.Key = bytes.Repeat([]byte{8}, 32) }, damaged},
		"a newer schema": {func(o *office, s *shelf, id string) {
			good, _, _ := snapshot.Newest(context.Background(), o.Config, s)
			good[0].Schema = projections.Schema() + 1
			s.content[id+".manifest"], _ = snapshot.Seal(o.Config, good[0])
		}, reason(snapshot.ErrNewer)},
		"a flipped bit": {func(_ *office, s *shelf, id string) { s.content[id+".manifest"][50] ^= 1 }, damaged},
		"cut short":     {func(_ *office, s *shelf, id string) { s.content[id+".manifest"] = s.content[id+".manifest"][:20] }, damaged},
		"under another name": {func(_ *office, s *shelf, id string) {
			s.content["x.manifest"] = s.content[id+".manifest"]
			delete(s.content, id+".manifest")
		}, damaged},
		"a revoked device": {func(o *office, _ *shelf, _ string) { o.revoked = true }, func(err error) bool { return strings.Contains(err.Error(), "not to be trusted") }},
		"forged": {func(o *office, _ *shelf, _ string) {
			other := *o
			other.public = bytes.Repeat([]byte{1}, 32)
			o.public = other.public
		}, reason(snapshot.ErrForged)},
	} {
		o, s := newOffice(t, 300), newShelf()
		m := o.mustMake(t, s)
		c.spoil(o, s, m.ID)
		good, rejected := o.newest(t, s)
		if len(good) != 0 || len(rejected) != 1 || !c.want(rejected[0].Reason) {
			t.Errorf("%s: %v, %v", what, good, rejected)
		}
	}
}

func reason(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

func damaged(err error) bool {
	var d *events.DamagedError
	return errors.As(err, &d)
}

// A fetch that is cut at any part goes on from what stands on the disk, and believes
// none of it that is wrong.
func TestFetchGoesOn(t *testing.T) {
	o, s := newOffice(t, 600), newShelf()
	m := o.mustMake(t, s)
	path := filepath.Join(t.TempDir(), "got.db")
	cut := errors.New("the line was cut")
	fetched := make(map[string]bool)
	for try := 0; try <= len(m.Parts)+1; try++ {
		var calls atomic.Int32
		s.before = func(what, name string) error {
			if what == "get" && calls.Add(1) > 1 {
				return cut
			}
			fetched[name] = true
			return nil
		}
		err := snapshot.Fetch(context.Background(), o.Config, s, m, path, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, cut) {
			t.Fatal(err)
		}
	}
	s.before = nil
	if len(fetched) != len(m.Parts) {
		t.Errorf("%d parts were fetched, want each of %d", len(fetched), len(m.Parts))
	}
	sameFile(t, path, o.file)

	// Killed before it was taken over, and a power cut spoilt one part of it.
	spoilt := bytes.Clone(o.file)
	clear(spoilt[m.Parts[0].Plain+10 : m.Parts[0].Plain+5000])
	if err := os.WriteFile(path, spoilt, 0o600); err != nil {
		t.Fatal(err)
	}
	var gets atomic.Int32
	s.before = func(what, _ string) error { gets.Add(1); return nil }
	if err := snapshot.Fetch(context.Background(), o.Config, s, m, path, nil); err != nil || gets.Load() != 1 {
		t.Errorf("%d parts were fetched again, %v; want the one that was spoilt", gets.Load(), err)
	}
	sameFile(t, path, o.file)
}

// What a maker left when it was killed or cut off is no snapshot, and the next removes it.
func TestMakeAfterAFailure(t *testing.T) {
	ctx := context.Background()
	cut := fmt.Errorf("the line was cut: %w", events.ErrOffline)
	for what, fault := range map[string]error{"failed": cut, "failed, but had happened": errors.Join(cut, &failedButHappened{})} {
		o, s := newOffice(t, 300), newShelf()
		first := o.mustMake(t, s)
		for _, at := range []string{".000000", ".000001", ".manifest"} {
			s.before = func(call, name string) error {
				if call == "delete" {
					return cut
				}
				if call == "put" && strings.HasSuffix(name, at) {
					return fault
				}
				return nil
			}
			if _, err := snapshot.Make(ctx, o.Config, s); !errors.Is(err, events.ErrOffline) {
				t.Errorf("%s at %s: %v", what, at, err)
			}
			s.before = nil
			good, rejected := o.newest(t, s)
			if len(rejected) > 0 || len(good) == 0 || good[len(good)-1].ID != first.ID && len(good) < 2 {
				t.Errorf("%s at %s: %d good, %v", what, at, len(good), rejected)
			}
		}
		o.mustMake(t, s)
		last := o.mustMake(t, s)
		good, _ := o.newest(t, s)
		if len(good) != 2 || good[0].ID != last.ID || len(s.content) != 2*(len(last.Parts)+1) {
			t.Errorf("%s: %d snapshots in %d objects, want 2 and nothing besides", what, len(good), len(s.content))
		}
	}
}

func TestFullStore(t *testing.T) {
	ctx := context.Background()
	o, s := newOffice(t, 300), newShelf()
	first := o.mustMake(t, s)
	size := int(first.Sealed()) + 4096
	s.room = size * 5 / 4 // there is room for the one that is there, and a part of another
	if _, err := snapshot.Make(ctx, o.Config, s); !errors.Is(err, events.ErrFull) {
		t.Fatalf("make in a full store: %v", err)
	}
	good, rejected := o.newest(t, s)
	if len(good) != 1 || good[0].ID != first.ID || len(rejected) > 0 || len(s.content) != len(first.Parts)+1 {
		t.Errorf("after it: %d good, %v, %d objects; want the first and nothing else", len(good), rejected, len(s.content))
	}
	s.room = 0
	second := o.mustMake(t, s)
	s.room = size * 5 / 2 // two and a half: the oldest must go for a third
	third := o.mustMake(t, s)
	good, _ = o.newest(t, s)
	if len(good) != 2 || good[0].ID != third.ID || good[1].ID != second.ID {
		t.Errorf("%d good, want the third and the second", len(good))
	}
}

// Where the store is full and the newest has a damaged part, that one makes room, and not
// the last one that can be taken.
func TestAFullStoreKeepsTheOneThatCanBeTaken(t *testing.T) {
	ctx := context.Background()
	o, s := newOffice(t, 300), newShelf()
	first, second := o.mustMake(t, s), o.mustMake(t, s)
	s.content[second.ID+".000001"][500] ^= 1
	var damage *events.DamagedError
	if err := snapshot.Check(ctx, o.Config, s, second); !errors.As(err, &damage) {
		t.Errorf("check of the damaged one: %v", err)
	}
	if err := snapshot.Check(ctx, o.Config, s, first); err != nil {
		t.Errorf("check of the other one: %v", err)
	}
	s.room = int(first.Sealed()) * 3 / 2 // a third finds no room beside one
	if _, err := snapshot.Make(ctx, o.Config, s); !errors.Is(err, events.ErrFull) {
		t.Errorf("make in a full store: %v", err)
	}
	good, _ := o.newest(t, s)
	if len(good) != 1 || good[0].ID != first.ID {
		t.Fatalf("%d are left, want the first", len(good))
	}
	if err := snapshot.Fetch(ctx, o.Config, s, first, filepath.Join(t.TempDir(), "got.db"), nil); err != nil {
		t.Error(err)
	}
}

// What is known to be damaged is not the newest, and the next maker removes it.
func TestWhatWasFoundDamagedIsNotTheNewest(t *testing.T) {
	o, s := newOffice(t, 300), newShelf()
	first, second := o.mustMake(t, s), o.mustMake(t, s)
	o.Refused = map[string]error{second.ID: errors.New("it was found damaged")}
	if good, rejected := o.newest(t, s); len(good) != 1 || good[0].ID != first.ID || len(rejected) != 1 || rejected[0].ID != second.ID {
		t.Errorf("good %v, rejected %v", good, rejected)
	}
	third := o.mustMake(t, s)
	if good, rejected := o.newest(t, s); len(good) != 2 || good[0].ID != third.ID || good[1].ID != first.ID || len(rejected) > 0 {
		t.Errorf("after the next: good %v, rejected %v", good, rejected)
	}
}

func TestWhatIsOfAnotherLogIsRemovedBesideAGoodOne(t *testing.T) {
	o, s := newOffice(t, 300), newShelf()
	old := o.mustMake(t, s)
	m, err := snapshot.Seal(o.Config, func() snapshot.Manifest { m := old; m.Stream = "stream-0"; return m }())
	if err != nil {
		t.Fatal(err)
	}
	s.content[old.ID+".manifest"] = m
	if good, rejected := o.newest(t, s); len(good) > 0 || len(rejected) != 1 || !errors.Is(rejected[0].Reason, snapshot.ErrForeign) {
		t.Fatalf("good %v, rejected %v", good, rejected)
	}
	made := o.mustMake(t, s)
	if good, rejected := o.newest(t, s); len(good) != 1 || good[0].ID != made.ID || len(rejected) > 0 {
		t.Errorf("good %v, rejected %v; want the new one alone", good, rejected)
	}
}

func TestWhatANewerCarelogMadeIsNotRemoved(t *testing.T) {
	o, s := newOffice(t, 300), newShelf()
	s.content["newer.manifest"] = append([]byte{9}, make([]byte, 60)...)
	s.content["newer.000000"] = make([]byte, 60)
	s.content["junk.manifest"] = make([]byte, 60)
	for range 3 {
		o.mustMake(t, s)
	}
	good, rejected := o.newest(t, s)
	if len(good) != 2 || len(rejected) != 1 || rejected[0].ID != "newer" || s.content["newer.000000"] == nil {
		t.Errorf("%d good, rejected %v", len(good), rejected)
	}
}

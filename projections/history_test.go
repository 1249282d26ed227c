package projections_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// placed names a version with its place among all that came.
func placed(v projections.Listed) string { return fmt.Sprintf("%s@%d", v.Event.ID, v.Arrival) }

// readPast reads a list to its end, a page at a time.
func readPast(t tb, s *projections.Store, q projections.Past) (all []projections.Listed, at time.Time) {
	t.Helper()
	for n := 0; ; n++ {
		page, err := s.Past(context.Background(), q)
		if errors.Is(err, projections.ErrNotFound) {
			return nil, at
		}
		if err != nil || n > 1000 {
			t.Fatalf("page %d: %v", n, err)
		}
		if n == 0 {
			at = page.At
		}
		all = append(all, page.Versions...)
		if page.Next == "" {
			return all, at
		}
		q.After = page.Next
	}
}

// wantPast is what a plain reading of the feed and of every record gives.
func wantPast(t tb, s *projections.Store, q projections.Past) (want []string) {
	t.Helper()
	ctx := context.Background()
	places := make(map[events.ID]int64)
	var order []events.ID
	for after := (projections.Mark{}); ; {
		list, err := s.Changes(ctx, after, 7)
		if err != nil {
			t.Fatalf("feed: %v", err)
		}
		for _, c := range list {
			if after = c.Mark; !c.Removed {
				places[c.Event] = c.Arrival
				order = append(slices.DeleteFunc(order, func(id events.ID) bool { return id == c.Event }), c.Event)
			}
		}
		if len(list) < 7 {
			break
		}
	}
	versions := make(map[events.ID]bool)
	for _, r := range someRecords {
		if q.Type != "" && q.Type != r.Type || q.ID != "" && q.ID != r.ID {
			continue
		}
		history, err := s.History(ctx, r)
		if err != nil && !errors.Is(err, projections.ErrNotFound) {
			t.Fatalf("history of %s: %v", r, err)
		}
		for _, v := range history {
			versions[v.Event.ID] = true
		}
	}
	for _, id := range slices.Backward(order) {
		if versions[id] {
			want = append(want, fmt.Sprintf("%s@%d", id, places[id]))
		}
	}
	return want
}

// TestPastIsWhatCame: whatever came, in whatever batches, with twins and with verdicts
// that got better later, under a clock that stands still and goes back: each list is
// what a plain reading of the feed gives, and who asks what came since the time that
// the page before named has in the end seen every version at its last place.
func TestPastIsWhatCame(t *testing.T) {
	folder := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		o := options()
		o.Now = func() time.Time { return now }
		runs++
		path := filepath.Join(folder, fmt.Sprint(runs, ".db"))
		s, err := projections.Open(context.Background(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
		defer finish(t, s)
		since := make(map[string]time.Time) // by type
		seen := make(map[string]map[string]bool)
		poll := func(typ string) {
			if seen[typ] == nil {
				seen[typ] = make(map[string]bool)
			}
			got, at := readPast(t, s, projections.Past{Type: typ, Since: since[typ], Limit: rapid.IntRange(1, 5).Draw(t, "count")})
			for _, v := range got {
				seen[typ][placed(v)] = true
			}
			since[typ] = at
		}
		defer projections.SetNearEnd(rapid.SampledFrom([]int64{1, 5, 20_000}).Draw(t, "near the end"))()
		left := rapid.Permutation(drawHistory(t).entries).Draw(t, "order")
		for len(left) > 0 {
			n := rapid.IntRange(1, len(left)).Draw(t, "batch")
			apply(t, s, left[:n]...)
			left = left[n:]
			now = now.Add(rapid.SampledFrom([]time.Duration{0, 0, time.Millisecond, time.Second, -time.Hour}).Draw(t, "clock"))
			poll(rapid.SampledFrom([]string{"", "Patient", "Condition"}).Draw(t, "poller"))
		}
		for typ := range seen {
			poll(typ)
			for _, place := range wantPast(t, s, projections.Past{Type: typ}) {
				if !seen[typ][place] {
					t.Fatalf("the poller of %q never saw %s: it has %v", typ, place, seen[typ])
				}
			}
		}
		for _, q := range []projections.Past{{}, {Type: "Patient"}, {Type: "Condition"}, {Type: "Patient", ID: "pat-1"}, {Type: "Claim"}} {
			want := wantPast(t, s, q)
			q.Limit = rapid.IntRange(1, 5).Draw(t, "count")
			got, _ := readPast(t, s, q)
			var names []string
			for _, v := range got {
				names = append(names, placed(v))
				state := state(t, s, v.Event.Record)
				if v.Head != slices.ContainsFunc(state.Heads, func(h projections.Version) bool { return h.Event.ID == v.Event.ID }) || v.Conflict != (v.Head && state.Conflict) {
					t.Errorf("%s: head %v, in conflict %v; the record says otherwise: %+v", placed(v), v.Head, v.Conflict, state)
				}
			}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Fatalf("%+v (-want +got):\n%s", q, diff)
			}
		}
	})
}

// TestPastGoesOnUnderWrites: a page begins where the one before it ended, whatever came
// meanwhile; a place of another file is refused.
func TestPastGoesOnUnderWrites(t *testing.T) {
	s, d := open(t), newDesk("a")
	for i := range 6 {
		apply(t, s, at(uint64(i+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}, note1("x"))))
	}
	first, err := s.Past(t.Context(), projections.Past{Limit: 4})
	if err != nil || len(first.Versions) != 4 || first.Next == "" {
		t.Fatalf("first page: %+v, %v", first, err)
	}
	apply(t, s, at(7, d.write(note, note1("new"))))
	second, err := s.Past(t.Context(), projections.Past{Limit: 4, After: first.Next})
	if err != nil || len(second.Versions) != 2 || second.Next != "" || second.Versions[0].Event.Record.ID != "c1" {
		t.Fatalf("second page: %+v, %v", second, err)
	}
	for _, after := range []string{"x", "1.5", "0000000000000000.3", first.Next + "0", " " + first.Next} {
		if _, err := s.Past(t.Context(), projections.Past{After: after}); !errors.Is(err, projections.ErrCursor) && !errors.Is(err, projections.ErrFeed) {
			t.Errorf("after %q: %v: want a refusal", after, err)
		}
	}
}

// TestPastOfManyBytes: a page ends where it would be too large, and nothing is between
// it and the next.
func TestPastOfManyBytes(t *testing.T) {
	s, d := open(t), newDesk("a")
	large := note1(string(make([]byte, 1<<20)))
	for i := range 200 {
		apply(t, s, at(uint64(i+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint("c", i)}, map[bool]string{true: large, false: note1("x")}[i%10 == 0])))
	}
	page, err := s.Past(t.Context(), projections.Past{Limit: 1000})
	if err != nil || page.Next == "" || len(page.Versions) >= 200 {
		t.Fatalf("%d versions, next %q, %v: want less than all", len(page.Versions), page.Next, err)
	}
	if all, _ := readPast(t, s, projections.Past{Limit: 1000}); len(all) != 200 {
		t.Errorf("%d versions over all pages, want 200", len(all))
	}
}

// TestReplacedFileCameNow: what a snapshot brings came when it took the place of the
// records, also where the PC that made it had it long before, or has a clock that is
// ahead; and a mark from before is known as one.
func TestReplacedFileCameNow(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"made before": -time.Hour, "made by a fast clock": time.Hour} {
		t.Run(name, func(t *testing.T) {
			ctx, d := t.Context(), newDesk("a")
			now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
			o := options()
			o.Now = func() time.Time { return now.Add(ahead) }
			there, err := projections.Open(ctx, filepath.Join(t.TempDir(), "there.db"), o)
			if err != nil {
				t.Fatal(err)
			}
			one, two := at(1, d.write(note, note1("one"))), at(2, d.write(allergy, `{}`))
			if _, err := there.Apply(ctx, projections.Batch{Entries: []projections.Entry{one, two}, Position: events.Position{Sequence: 2, Hash: hashAt(2)}, Stream: "s"}); err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "copy.db")
			if err := there.Copy(ctx, copied); err != nil {
				t.Fatal(err)
			}
			finish(t, there)

			o.Now = func() time.Time { return now }
			here, err := projections.Open(ctx, filepath.Join(t.TempDir(), "here.db"), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { finish(t, here) }()
			apply(t, here, one)
			before, err := here.Past(ctx, projections.Past{})
			if err != nil || len(before.Versions) != 1 {
				t.Fatalf("before: %+v, %v", before, err)
			}
			mark, err := here.End(ctx)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
			if err := here.Replace(ctx, copied); err != nil {
				t.Fatal(err)
			}
			since, err := here.Past(ctx, projections.Past{Since: before.At})
			if err != nil || !slices.ContainsFunc(since.Versions, func(v projections.Listed) bool { return v.Event.ID == two.Event.ID }) {
				t.Errorf("since the page before: %+v, %v: want the version that only the snapshot had", since, err)
			}
			for _, v := range since.Versions {
				if !v.Arrived.Equal(now) {
					t.Errorf("%s came at %v, want %v: then it came here", v.Event.ID, v.Arrived, now)
				}
			}
			if _, err := here.Changes(ctx, mark, 10); !errors.Is(err, projections.ErrFeed) {
				t.Errorf("changes after a mark from before: %v: want ErrFeed", err)
			}
			now = now.Add(-time.Hour) // the clock is set right
			apply(t, here, at(3, d.write(patient, `{}`)))
			if got, err := here.Past(ctx, projections.Past{Since: since.At, Limit: 1}); err != nil || len(got.Versions) != 1 || got.Versions[0].Event.Record != patient {
				t.Errorf("since the replacement: %+v, %v: want what came after it", got, err)
			}
		})
	}
}

// TestCrashIsAnotherFeed: a crash may have lost changes that somebody saw, and their
// numbers are given again.
func TestCrashIsAnotherFeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	apply(t, s, at(1, newDesk("a").write(note, note1("one"))))
	mark, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	if _, err := s.Changes(t.Context(), mark, 1); err != nil {
		t.Errorf("after an end in order: %v: want the same feed", err)
	}
	crashed := filepath.Join(t.TempDir(), "record.db")
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(crashed+suffix, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	finish(t, s)
	again := openAt(t, crashed)
	defer finish(t, again)
	if _, err := again.Changes(t.Context(), mark, 1); !errors.Is(err, projections.ErrFeed) {
		t.Errorf("after a crash: %v: want ErrFeed", err)
	}
}

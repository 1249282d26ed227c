package projections_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// What is judged again, better or worse, is as if it had been judged so at once.
func TestJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		var first, last []projections.Entry
		seen := make(map[events.ID]bool)
		for _, e := range drawHistory(t).entries {
			if e.Event == nil || e.Sequence == 0 || seen[e.Event.ID] {
				continue
			}
			seen[e.Event.ID] = true
			first = append(first, e)
			e.Doubt, e.Reason, e.Body = rapid.SampledFrom(someDoubts).Draw(t, "verdict"), "", nil
			switch {
			case e.Doubt == projections.DoubtUnopened && len(e.Event.Sealed) == 0:
				e.Doubt = ""
			case e.Doubt == first[len(first)-1].Doubt:
				e.Reason = first[len(first)-1].Reason
			case e.Doubt != "":
				e.Reason = "why"
			}
			if e.Doubt == "" && len(e.Event.Sealed) > 0 {
				e.Body = e.Event.Sealed
			}
			last = append(last, e)
		}
		again := openAt(t, filepath.Join(dir, fmt.Sprint(n, "a.db")))
		inBatches(t, again, first)
		for rest := rapid.Permutation(last).Draw(t, "order"); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "together")
			if _, err := again.Rejudge(context.Background(), rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		atOnce := openAt(t, filepath.Join(dir, fmt.Sprint(n, "b.db")))
		inBatches(t, atOnce, last)
		if diff := cmp.Diff(dump(t, atOnce), dump(t, again)); diff != "" {
			t.Fatalf("(-judged at once +judged again):\n%s", diff)
		}
		finish(t, again)
		finish(t, atOnce)
		clean(dir)
	})
}

// Those that nobody vouches for are counted and listed by device, page by page, with those
// whose id another event has.
func TestUnsigned(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	const many = 1500
	byDevice := map[string]*desk{"a": newDesk("a"), "b": newDesk("b")}
	var entries []projections.Entry
	for i := range many {
		for name, d := range byDevice {
			entry := at(uint64(len(entries)+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint(name, i)}, "text"))
			if name == "a" || i%2 == 0 {
				entry.Doubt, entry.Reason, entry.Body = projections.DoubtSignature, "why", nil
			}
			entries = append(entries, entry)
		}
	}
	twin := *entries[0].Event
	twin.Author = "dr-2" // and so it has another fingerprint
	entries = append(entries, at(uint64(len(entries)+1), projections.Entry{Event: &twin, Doubt: projections.DoubtSignature, Reason: "why"}))
	apply(t, s, entries...)
	want := map[string]int{"a": many, "b": many / 2}
	want[twin.Device]++
	got, err := s.Doubted(ctx, projections.DoubtSignature)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for device, n := range want {
		listed, after := 0, int64(0)
		for {
			page, err := s.Misjudged(ctx, device, 0, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page {
				if v.Event.Device != device {
					t.Fatalf("%s is of device %s, want %s", v.Event.ID, v.Event.Device, device)
				}
			}
			listed += len(page)
			if len(page) == 0 || page[len(page)-1].Arrival == after {
				break
			}
			after = page[len(page)-1].Arrival
		}
		if listed != n {
			t.Errorf("%d of device %s are listed, want %d", listed, device, n)
		}
	}
}

// However large the bodies are, a page of what is judged again is a few megabytes.
func TestBehindIsBoundedInBytes(t *testing.T) {
	s, d := open(t), newDesk("a")
	body, list := strings.Repeat("x", 1<<20), make([]projections.Entry, 12)
	for i := range list {
		list[i] = at(uint64(i+1), d.write(events.Record{Type: "Condition", ID: fmt.Sprint(i)}, body))
	}
	apply(t, s, list...)
	seen, after := 0, int64(0)
	for {
		page, err := s.Behind(t.Context(), "a", 2, after) // all but two were sent after a revocation
		if err != nil || len(page) > 4 {
			t.Fatalf("%d events of 1 MiB on a page, %v", len(page), err)
		}
		if len(page) == 0 {
			break
		}
		seen, after = seen+len(page), page[len(page)-1].Arrival
	}
	if seen != len(list)-2 {
		t.Errorf("%d events stand behind it, want %d", seen, len(list)-2)
	}
}

// What stands under an id falls into doubt, and another event that claims the id does not: that one stands then, as on a desk that
// judged so at once.
func TestATwinOfWhatFallsOut(t *testing.T) {
	first := newDesk("a").write(note, note1("first"))
	second := newDesk("b").write(events.Record{Type: "Condition", ID: "con-2"}, note1("second"))
	second.Event.ID = first.Event.ID
	first, second = at(1, first), at(2, second)
	fallen := first
	fallen.Doubt, fallen.Reason, fallen.Body = projections.DoubtRevoked, "why", nil
	again, atOnce := open(t), open(t)
	apply(t, again, first, second)
	if _, err := again.Rejudge(t.Context(), []projections.Entry{fallen}); err != nil {
		t.Fatal(err)
	}
	apply(t, atOnce, fallen, second)
	if diff := cmp.Diff(dump(t, atOnce), dump(t, again)); diff != "" {
		t.Errorf("(-judged at once +judged again):\n%s", diff)
	}
}

package events_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
)

// clockAt returns a clock that always shows t.
func clockAt(t time.Time) *events.Clock { return events.NewClock(func() time.Time { return t }, nil) }

// Scenario 8: clocks from before the epoch to beyond what RFC 3339 can write.
func TestIDIsAfterItsParentsWhateverTheClock(t *testing.T) {
	clocks := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-40, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, 0), time.Unix(-1, 0), time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
		time.Date(2028, 11, 2, 9, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	rapid.Check(t, func(t *rapid.T) {
		var dossier []events.ID
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			clock := clockAt(rapid.SampledFrom(clocks).Draw(t, "clock"))
			var parents []events.ID
			for _, id := range dossier {
				if rapid.Bool().Draw(t, "seen") {
					parents = append(parents, id)
				}
			}
			id, err := clock.Next(parents...)
			if err != nil {
				t.Fatal(err)
			}
			for _, parent := range parents {
				if id.Compare(parent) <= 0 {
					t.Fatalf("got id %s, not after its parent %s", id, parent)
				}
			}
			if now := clock.Now(); now.Location() != time.UTC || now.Nanosecond()%1e6 != 0 || now.Year() < 1 || now.Year() > 9999 {
				t.Fatalf("got the time %v, which no event can carry", now)
			}
			dossier = append(dossier, id)
		}
		slices.SortFunc(dossier, events.ID.Compare)
		if n := len(slices.Compact(dossier)); n != len(dossier) {
			t.Fatalf("got %d different ids of %d", n, len(dossier))
		}
	})
}

// Scenario 7: everything at one millisecond.
func TestIDsOfOneMillisecond(t *testing.T) {
	a, b := clockAt(time.UnixMilli(1_800_000_000_000)), clockAt(time.UnixMilli(1_800_000_000_000))
	parent := must(a.Next())
	left, right := must(a.Next(parent)), must(b.Next(parent))
	if left == right || left.Compare(parent) <= 0 || right.Compare(parent) <= 0 {
		t.Errorf("got %s and %s after %s, want two different ids after it", left, right, parent)
	}
	if settled := must(a.Next(left, right)); settled.Compare(left) <= 0 || settled.Compare(right) <= 0 {
		t.Errorf("got %s, not after both of %s and %s", settled, left, right)
	}
	chain := parent
	for range 1000 { // a thousand edits within one millisecond stay in order
		next := must(a.Next(chain))
		if next.Compare(chain) <= 0 {
			t.Fatalf("got %s, not after %s", next, chain)
		}
		chain = next
	}
}

func TestIDOfAClockAheadCarriesOnlyItsOwnDossier(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	ahead := must(clockAt(now.AddDate(2, 0, 0)).Next())
	clock := clockAt(now)
	if next := must(clock.Next(ahead)); !next.Time().Equal(ahead.Time().Add(time.Millisecond)) {
		t.Errorf("got the time %v after a parent at %v, want one millisecond later", next.Time(), ahead.Time())
	}
	if other := must(clock.Next()); !other.Time().Equal(now) {
		t.Errorf("got the time %v in another dossier, want the clock's %v", other.Time(), now)
	}
}

func TestIDAtTheEndOfTimeHasNoSuccessor(t *testing.T) {
	last := must(events.ParseID("7ZZZZZZZZZ0000000000000000"))
	if _, err := clockAt(time.Now()).Next(last); !errors.Is(err, events.ErrClockExhausted) {
		t.Errorf("got %v, want ErrClockExhausted", err)
	}
}

func TestClockReportsLackOfChance(t *testing.T) {
	clock := events.NewClock(nil, bytes.NewReader([]byte("short")))
	if _, err := clock.Next(); err == nil {
		t.Error("got an id made of five bytes of chance, want an error")
	}
}

func TestParseIDTakesOneSpelling(t *testing.T) {
	const good = "01KB0000000000000000000ZZZ"
	if id, err := events.ParseID(good); err != nil || id.String() != good {
		t.Errorf("got %v, %v, want %s", id, err, good)
	}
	for _, s := range []string{"", "01KB", good + "0", "01kb0000000000000000000zzz", "01KB000000000000000000OILU", "8" + good[1:], " " + good[1:], "01KB0000000000000000000ZZ\x00"} {
		if id, err := events.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %s, want an error", s, id)
		}
	}
}

func TestTextOfIDsAndDigests(t *testing.T) {
	id, digest := must(events.ParseID("01KB0000000000000000000ZZZ")), events.Digest{0xab, 31: 1}
	var gotID events.ID
	var gotDigest events.Digest
	if err := gotID.UnmarshalText(must(id.MarshalText())); err != nil || gotID != id {
		t.Errorf("got %v, %v, want %v", gotID, err, id)
	}
	if err := gotDigest.UnmarshalText(must(digest.MarshalText())); err != nil || gotDigest != digest {
		t.Errorf("got %v, %v, want %v", gotDigest, err, digest)
	}
	if gotID.UnmarshalText([]byte("x")) == nil || gotDigest.UnmarshalText([]byte("x")) == nil || gotID != id || gotDigest != digest {
		t.Error("want an error and the old value from a text that is none")
	}
}

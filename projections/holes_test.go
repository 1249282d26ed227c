package projections_test

import (
	"context"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// missing asks what the chains lack.
func missing(t tb, s *projections.Store) map[string]int { return missingBelow(t, s, math.MaxUint64) }

// missingBelow asks what they lack below a number.
func missingBelow(t tb, s *projections.Store, number uint64) map[string]int {
	t.Helper()
	got, err := s.Missing(context.Background(), func(string) uint64 { return number })
	if err != nil {
		t.Fatalf("ask what is missing: %v", err)
	}
	for device, n := range got {
		spans, err := s.MissingNumbers(context.Background(), device, number)
		if err != nil {
			t.Fatalf("ask which are missing: %v", err)
		}
		last := uint64(0)
		for _, span := range spans {
			if span.From <= last || span.To < span.From || span.To >= number {
				t.Fatalf("%v are missing below %d: want rows of numbers in order", spans, number)
			}
			last = span.To
			n -= int(span.To - span.From + 1)
		}
		if n != 0 {
			t.Fatalf("%d are missing of %s below %d, and these are named: %v", got[device], device, number, spans)
		}
	}
	return got
}

// Numbers of a chain that nobody has are known, in whatever order the others come, and until they come: of
// the same device, with its signature, and whether or not the id was taken.
func TestMissingInChains(t *testing.T) {
	s := open(t)
	d, other := newDesk("a"), newDesk("b")
	var list []projections.Entry
	for i := range uint64(6) {
		list = append(list, at(i+1, d.write(note, note1("asthma"))))
	}
	wants := func(what string, want map[string]int) {
		t.Helper()
		if diff := cmp.Diff(want, missing(t, s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	apply(t, s, list[5])
	wants("only the last", map[string]int{"a": 5})
	apply(t, s, list[0], list[2], at(7, other.write(allergy, note1("penicillin"))))
	wants("half of them", map[string]int{"a": 3})
	below := func(what string, wants ...int) { // each number from 0 on
		t.Helper()
		for number, want := range wants {
			if got := missingBelow(t, s, uint64(number)); got["a"] != want {
				t.Errorf("%s: below number %d %d are missing, want %d", what, number, got["a"], want)
			}
		}
	}
	below("half of them", 0, 0, 0, 1, 1, 2, 3, 3)
	unsigned := list[1]
	unsigned.Doubt = projections.DoubtSignature
	apply(t, s, unsigned)
	wants("one that the device did not sign", map[string]int{"a": 3})
	apply(t, s, list[1])
	wants("the same, signed after all", map[string]int{"a": 2})
	twin := *list[3].Event
	twin.ID = list[0].Event.ID
	apply(t, s, at(8, projections.Entry{Event: &twin, Body: twin.Sealed}))
	wants("one whose id is taken", map[string]int{"a": 1})
	below("one whose id is taken", 0, 0, 0, 0, 0, 0, 1, 1)
	if spans, err := s.MissingNumbers(t.Context(), "a", math.MaxUint64); err != nil || !slices.Equal(spans, []projections.Span{{From: 5, To: 5}}) {
		t.Errorf("these are missing: %v, %v; want number 5", spans, err)
	}
	apply(t, s, list...)
	wants("all of them", map[string]int{})
}

// What is queued fills its number as long as it is here, and leaves no hole behind the end.
func TestMissingAndWhatIsQueued(t *testing.T) {
	s := open(t)
	d := newDesk("a")
	var list []projections.Entry
	for range 4 {
		list = append(list, d.write(note, note1("asthma")))
	}
	apply(t, s, at(1, list[0]), list[1], list[2], list[3])
	for _, step := range []struct {
		out  int
		want map[string]int
	}{{1, map[string]int{"a": 1}}, {3, map[string]int{"a": 1}}, {2, map[string]int{}}} {
		if err := s.Remove(t.Context(), list[step.out].Event.ID); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, missing(t, s)); diff != "" {
			t.Errorf("after event %d was taken out (-want +got):\n%s", step.out, diff)
		}
	}
}

// A copy has what the log has: whatever was queued, forked, unsigned or missing, its chains are
// as if nothing else had ever been there.
func TestMissingInACopy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := openAt(rt, filepath.Join(t.TempDir(), "record.db"))
		defer finish(rt, s)
		d := newDesk("a")
		sequence := uint64(0)
		for i := range rapid.IntRange(1, 12).Draw(rt, "events") {
			if rapid.IntRange(0, 3).Draw(rt, "fork or hole") == 0 {
				d.chain = events.Chain{Counter: rapid.Uint64Range(2, 9).Draw(rt, "number"), Previous: events.Digest{1}}
			}
			e := d.event(events.Written, note, "pat-1", note1("asthma"))
			e.Signature[1] = byte(i)
			entry := projections.Entry{Event: e, Body: e.Sealed, Doubt: rapid.SampledFrom([]projections.Doubt{"", "", projections.DoubtSignature}).Draw(rt, "doubt")}
			if rapid.Bool().Draw(rt, "in the log") {
				sequence++
				entry = at(sequence, entry)
			}
			apply(rt, s, entry)
		}
		if _, err := s.Apply(t.Context(), projections.Batch{Position: events.Position{Sequence: sequence, Hash: hashAt(sequence)}}); err != nil {
			rt.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := s.Copy(t.Context(), path); err != nil {
			rt.Fatal(err)
		}
		finish(rt, openAt(rt, path))
	})
}

// Whoever has a device's key can give one number to as many events as he likes: each costs what the one before it did.
func TestManyEventsOfOneNumber(t *testing.T) {
	const many = 100
	s := open(t)
	d := newDesk("a")
	apply(t, s, d.write(note, note1("asthma")))
	at := d.chain
	apply(t, s, d.write(note, note1("asthma")), d.write(note, note1("asthma"))) // the number is not the last one
	took := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range many {
			d.chain = at
			apply(t, s, d.write(note, note1("asthma")))
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	took() // what is made once
	first, third := took(), uint64(0)
	for range 4 {
		third = took()
	}
	if third > first*3/2 {
		t.Errorf("%d events of one number took %d allocations, and as many later ones %d", many, first, third)
	}
}

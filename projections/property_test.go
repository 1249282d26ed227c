package projections_test

import (
	"context"
	"encoding/binary"
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

// history is a random log: what happened, whatever the order in which it is heard of.
type history struct {
	events  []*events.Event
	entries []projections.Entry // every event at least once
}

var (
	someRecords = []events.Record{patient, allergy, note, {Type: "Patient", ID: "pat-2"}}
	someBodies  = []string{
		`{"resourceType":"Patient","name":[{"family":"Peeters","given":["Jan"]}],"birthDate":"1970-01-02"}`,
		`{"birthDate":"1970-01-02","resourceType":"Patient","name":[{"given":["Jan"],"family":"Peeters"}]}`, // the same
		`{"resourceType":"Patient","name":[{"family":"Claes"}],"identifier":[{"system":"s","value":"1"}]}`,
		`{"resourceType":"Condition","note":[{"text":"x"}]}`,
		`no JSON at all`,
		`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"1"}]},"subject":{"reference":"Patient/pat-2"},"onsetDateTime":"2020-05"}`,
		`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"1"}]},"onsetPeriod":{"start":"2019"}}`,
	}
	someDoubts = []projections.Doubt{"", "", "", "", projections.DoubtUnopened, projections.DoubtUnknownType, projections.DoubtRevoked, projections.DoubtSignature}
)

func drawHistory(t *rapid.T) history {
	var h history
	chains := make(map[string]events.Chain)
	byRecord := make(map[events.Record][]events.ID)
	taken := make(map[uint64]bool)
	next := func() uint64 {
		s := rapid.Uint64Range(1, 300).Draw(t, "sequence")
		for taken[s] {
			s++
		}
		taken[s] = true
		return s
	}
	for i := range rapid.IntRange(1, 30).Draw(t, "events") {
		e := drawEvent(t, i, chains, byRecord)
		h.events = append(h.events, e)
		byRecord[e.Record] = append(byRecord[e.Record], e.ID)
		h.entries = append(h.entries, drawEntries(t, e, next)...)
		if len(e.Sealed) > 0 && rapid.IntRange(0, 15).Draw(t, "twin") == 0 {
			twin := *e
			twin.Sealed = []byte(someBodies[3])
			twin.Record = rapid.SampledFrom(someRecords).Draw(t, "record of the twin")
			h.entries = append(h.entries, drawEntries(t, &twin, next)...)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "broken") {
		m := events.Message{Subject: events.Subject(practice, "pat-1"), Header: map[string][]string{"x": {"\xff", ""}}, Data: []byte{byte(len(h.entries))}}
		h.entries = append(h.entries, at(next(), projections.Entry{Message: m, Reason: "it is no event"}))
	}
	return h
}

func drawEvent(t *rapid.T, i int, chains map[string]events.Chain, byRecord map[events.Record][]events.ID) *events.Event {
	e := &events.Event{
		Type: events.Written, Practice: practice, Device: fmt.Sprint("d", rapid.IntRange(1, 5).Draw(t, "device")),
		Record: rapid.SampledFrom(someRecords).Draw(t, "record"), Patient: rapid.SampledFrom([]string{"pat-1", "pat-2", ""}).Draw(t, "dossier"),
		Time: time.UnixMilli(int64(i)).UTC(), Author: "dr-1", ContentType: events.ContentFHIR,
	}
	binary.BigEndian.PutUint64(e.ID[:], uint64(i+1)<<16)
	e.ID[15] = rapid.Byte().Draw(t, "chance")
	if rapid.IntRange(0, 5).Draw(t, "deletion") == 0 {
		e.Type = events.Deleted
	} else {
		e.Sealed = []byte(rapid.SampledFrom(someBodies).Draw(t, "body"))
	}
	if rapid.IntRange(0, 9).Draw(t, "newer") == 0 {
		e.Extra = []events.Attribute{{Name: "ce-a1", Value: "b:c d"}, {Name: "ce-z", Value: "1"}}
	}
	for _, id := range byRecord[e.Record] {
		if rapid.IntRange(0, 2).Draw(t, "parent") > 0 {
			e.Parents = append(e.Parents, id)
		}
	}
	if other := byRecord[allergy]; e.Record != allergy && len(other) > 0 && rapid.IntRange(0, 9).Draw(t, "parent elsewhere") == 0 {
		e.Parents = append(e.Parents, other[0])
		e.Parents = sorted(e.Parents)
	}
	if rapid.IntRange(0, 9).Draw(t, "parent nobody has") == 0 {
		e.Parents = slices.Insert(e.Parents, 0, events.ID{15: 7})
	}
	e.Chain = chains[e.Device]
	if e.Chain.Counter == 0 {
		e.Chain.Counter = 1
	}
	if rapid.IntRange(0, 9).Draw(t, "hole") == 0 {
		e.Chain.Counter += rapid.Uint64Range(1, 3).Draw(t, "so many")
		e.Chain.Previous[0] |= 1
	}
	e.Signature[3] = byte(i)
	if rapid.IntRange(0, 9).Draw(t, "fork") > 0 {
		chains[e.Device] = e.Follows()
	}
	return e
}

// drawEntries is what is heard of one event: queued or not, once or more often in the
// log, with the same verdict or another.
func drawEntries(t *rapid.T, e *events.Event, next func() uint64) []projections.Entry {
	var list []projections.Entry
	for range rapid.IntRange(1, 3).Draw(t, "times") {
		doubt := rapid.SampledFrom(someDoubts).Draw(t, "doubt")
		entry := projections.Entry{Event: e, Doubt: doubt}
		if doubt == "" && len(e.Sealed) > 0 {
			entry.Body = e.Sealed
		} else if doubt != "" {
			entry.Reason = rapid.SampledFrom([]string{"one reason", "another"}).Draw(t, "reason")
		}
		if doubt == projections.DoubtUnopened && len(e.Sealed) == 0 {
			entry.Doubt, entry.Reason = "", ""
		}
		if rapid.IntRange(0, 3).Draw(t, "queued") > 0 {
			entry = at(next(), entry)
			if rapid.IntRange(0, 5).Draw(t, "hash known") == 0 {
				bare := entry
				bare.Hash, bare.Stored = events.Digest{}, time.Time{}
				list = append(list, bare)
			}
		}
		list = append(list, entry)
	}
	return list
}

// inBatches applies entries in the order given, in batches of any size.
func inBatches(t *rapid.T, s *projections.Store, entries []projections.Entry) {
	for len(entries) > 0 {
		n := rapid.IntRange(1, len(entries)).Draw(t, "batch")
		apply(t, s, entries[:n]...)
		entries = entries[n:]
	}
}

// Any permutation, any duplication and any size of batches gives the same tables, byte
// for byte, and the heads are what the definition says.
func TestScenario22_AnyOrderGivesTheSameTables(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := drawHistory(t)
		first := openAt(t, filepath.Join(dir, fmt.Sprint(n, "a.db")))
		inBatches(t, first, h.entries)
		want := dump(t, first)
		compareWithModel(t, first, h)
		finish(t, first)

		second := openAt(t, filepath.Join(dir, fmt.Sprint(n, "b.db")))
		again := rapid.SliceOf(rapid.SampledFrom(h.entries)).Draw(t, "again")
		inBatches(t, second, rapid.Permutation(slices.Concat(h.entries, again)).Draw(t, "order"))
		if diff := cmp.Diff(want, dump(t, second)); diff != "" {
			t.Fatalf("another order gives other tables (-first +second):\n%s", diff)
		}
		finish(t, second)
		clean(dir)
	})
}

func clean(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		os.Remove(f)
	}
}

// compareWithModel works out the heads of every record from the set of events alone.
func compareWithModel(t *rapid.T, s *projections.Store, h history) {
	best := make(map[events.ID]projections.Entry)
	for _, e := range h.entries {
		if e.Event == nil {
			continue
		}
		held, ok := best[e.Event.ID]
		if ok && held.Event.Fingerprint() != e.Event.Fingerprint() {
			return // with twins the model would have to be the store
		}
		if !ok || rank(e.Doubt) < rank(held.Doubt) {
			best[e.Event.ID] = e
		}
	}
	for _, r := range someRecords {
		named := make(map[events.ID]bool)
		want := make(map[events.ID]bool)
		for _, e := range best {
			if e.Event.Record == r && rank(e.Doubt) <= 1 {
				want[e.Event.ID] = true
				for _, p := range e.Event.Parents {
					named[p] = true
				}
			}
		}
		for id := range named {
			delete(want, id)
		}
		got, err := s.Record(context.Background(), r)
		if err != nil && !errors.Is(err, projections.ErrNotFound) {
			t.Fatalf("record: %v", err)
		}
		have := make(map[events.ID]bool)
		for _, v := range got.Heads {
			have[v.Event.ID] = true
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("heads of %s (-model +store):\n%s", r, diff)
		}
	}
}

func rank(d projections.Doubt) int {
	return slices.Index([]projections.Doubt{"", projections.DoubtUnopened, projections.DoubtUnknownType, projections.DoubtRevoked, projections.DoubtSignature}, d)
}

// What is taken out of the queue has never been.
func TestRemoveLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		defer clean(dir)
		s := openAt(t, filepath.Join(dir, fmt.Sprint(n, ".db")))
		defer finish(t, s)
		h := drawHistory(t)
		inBatches(t, s, h.entries)
		want := dump(t, s)

		var byRecord []events.ID
		for _, e := range h.events {
			if e.Record == note {
				byRecord = append(byRecord, e.ID)
			}
		}
		mine := newDesk("mine")
		mine.clock = time.UnixMilli(1000)
		d := mine.write(note, someBodies[rapid.IntRange(0, 4).Draw(t, "body")], byRecord...)
		e := mine.write(note, someBodies[2], d.Event.ID)
		apply(t, s, d, e)
		for _, id := range rapid.Permutation([]events.ID{d.Event.ID, e.Event.ID}).Draw(t, "order") {
			if err := s.Remove(context.Background(), id); err != nil {
				t.Fatalf("remove: %v", err)
			}
			if err := s.Check(context.Background()); err != nil {
				t.Fatalf("check: %v", err)
			}
		}
		if diff := cmp.Diff(want, dump(t, s)); diff != "" {
			t.Fatalf("something stayed (-before +after):\n%s", diff)
		}
	})
}

// After the server lost its log, what it has again counts, and the rest comes out in
// its old order, ready to be pushed back.
func TestDistrustAndReconfirm(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		defer clean(dir)
		h := drawHistory(t)
		h.entries = slices.DeleteFunc(h.entries, func(e projections.Entry) bool { return e.Sequence == 0 || e.Hash.IsZero() })
		s := openAt(t, filepath.Join(dir, fmt.Sprint(n, ".db")))
		defer finish(t, s)
		inBatches(t, s, h.entries)
		before := dump(t, s)
		if err := s.Distrust(context.Background()); err != nil {
			t.Fatalf("distrust: %v", err)
		}
		if err := s.Check(context.Background()); err != nil {
			t.Fatalf("check: %v", err)
		}
		last := uint64(0)
		lost := make(map[events.Digest]bool)
		for m, err := range s.Unconfirmed(context.Background()) {
			if err != nil {
				t.Fatalf("unconfirmed: %v", err)
			}
			if m.Sequence <= last {
				t.Fatalf("unconfirmed: %d after %d", m.Sequence, last)
			}
			last = m.Sequence
			lost[m.Message.Fingerprint()] = true
		}
		for _, e := range h.entries {
			m := e.Message
			if e.Event != nil {
				var err error
				if m, err = events.Encode(e.Event); err != nil {
					t.Fatalf("encode: %v", err)
				}
			}
			if !lost[m.Fingerprint()] {
				t.Fatalf("what stood at %d is not among what the server lost", e.Sequence)
			}
		}
		inBatches(t, s, rapid.Permutation(h.entries).Draw(t, "order"))
		if diff := cmp.Diff(before, dump(t, s)); diff != "" {
			t.Fatalf("the same log again gives other tables (-before +after):\n%s", diff)
		}
	})
}

// Large batches ask for many records with one question, small ones for each.
func TestLargeBatchesEqualSmallOnes(t *testing.T) {
	log := practiceLog(900, "scattered")
	small, large := open(t), open(t)
	for _, e := range log {
		apply(t, small, e)
	}
	apply(t, large, log[:450]...)
	apply(t, large, log[400:]...)
	if diff := cmp.Diff(dump(t, small), dump(t, large)); diff != "" {
		t.Fatalf("large batches give other tables (-small +large):\n%s", diff)
	}
}

// Whatever the mix of batches, of which some are indexed later, wherever the index was
// completed in between, and whenever the program ended: the index is the same in the end.
func TestIndexIsTheSameWheneverItIsMade(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		defer clean(dir)
		h := drawHistory(t)
		at := openAt(t, filepath.Join(dir, fmt.Sprint(n, "a.db")))
		inBatches(t, at, h.entries)
		want := dump(t, at)
		finish(t, at)

		path := filepath.Join(dir, fmt.Sprint(n, "b.db"))
		later := openAt(t, path)
		apply(t, later)
		complete(t, later) // that it is empty is known then, and a search indexes what comes
		entries := rapid.Permutation(h.entries).Draw(t, "order")
		for len(entries) > 0 {
			later.SetMany(rapid.IntRange(1, 6).Draw(t, "many"))
			later.SetNaming(rapid.IntRange(1, 3).Draw(t, "new"), rapid.IntRange(1, 6).Draw(t, "full"))
			size := rapid.IntRange(1, min(len(entries), 8)).Draw(t, "batch")
			apply(t, later, entries[:size]...)
			entries = entries[size:]
			switch rapid.IntRange(0, 5).Draw(t, "between") {
			case 0:
				if _, err := later.Index(context.Background(), rapid.IntRange(1, 3).Draw(t, "some")); err != nil {
					t.Fatalf("index: %v", err)
				}
			case 1:
				finish(t, later)
				later = openAt(t, path)
			case 2:
				if _, err := later.Search(context.Background(), projections.Query{}); err != nil {
					t.Fatalf("search: %v", err)
				}
			}
		}
		if diff := cmp.Diff(want, dump(t, later)); diff != "" {
			t.Fatalf("the index differs (-at once +later):\n%s", diff)
		}
		finish(t, later)
	})
}

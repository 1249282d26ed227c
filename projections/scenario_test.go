package projections_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// heads compares what stands with what should, the head shown first.
func heads(t *testing.T, s *projections.Store, r events.Record, conflict bool, want ...events.ID) projections.State {
	t.Helper()
	got := state(t, s, r)
	if diff := cmp.Diff(want, ids(got.Heads)); diff != "" {
		t.Fatalf("heads of %s (-want +got):\n%s", r, diff)
	}
	if got.Shown.Event.ID != want[0] || got.Conflict != conflict || got.Since.IsZero() == conflict {
		t.Fatalf("%s: shown %s, conflict %v since %v: want %s, %v", r, got.Shown.Event.ID, got.Conflict, got.Since, want[0], conflict)
	}
	return got
}

func TestScenario01_EqualContentIsNoConflict(t *testing.T) {
	s, a, b := open(t), newDesk("a"), newDesk("b")
	first := at(1, a.write(note, note1("first")))
	left := at(2, a.write(note, `{"resourceType":"Condition","id":"con-1","value":1.00}`, first.Event.ID))
	right := at(3, b.write(note, `{"value":1.00, "id":"con-1","resourceType":"Condition"}`, first.Event.ID))
	apply(t, s, first, left, right)
	heads(t, s, note, false, left.Event.ID, right.Event.ID)

	// The digits of a number are content.
	other := at(4, newDesk("c").write(note, `{"resourceType":"Condition","id":"con-1","value":1.0}`, first.Event.ID))
	apply(t, s, other)
	heads(t, s, note, true, left.Event.ID, right.Event.ID, other.Event.ID)

	next := at(5, a.write(note, note1("next"), left.Event.ID, right.Event.ID, other.Event.ID))
	apply(t, s, next)
	heads(t, s, note, false, next.Event.ID)
}

func TestScenario02_TwoResolutionsAtOnceAreAConflict(t *testing.T) {
	s := open(t)
	var three []events.ID
	for i, name := range []string{"a", "b", "c"} {
		e := at(uint64(i+1), newDesk(name).write(note, note1(name)))
		apply(t, s, e)
		three = append(three, e.Event.ID)
	}
	heads(t, s, note, true, three...)
	one := at(4, newDesk("d").write(note, note1("a"), three...))
	two := at(5, newDesk("e").write(note, note1("b"), three...))
	apply(t, s, one, two)
	heads(t, s, note, true, one.Event.ID, two.Event.ID)
	if n, err := s.CountConflicts(context.Background()); n != 1 || err != nil {
		t.Fatalf("conflicts: %d, %v: want 1", n, err)
	}
}

func TestScenario04_DeleteAgainstEdit(t *testing.T) {
	s, a, b := open(t), newDesk("a"), newDesk("b")
	first := at(1, a.write(allergy, `{"resourceType":"AllergyIntolerance"}`))
	gone := at(2, a.erase(allergy, first.Event.ID))
	edit := at(3, b.write(allergy, `{"resourceType":"AllergyIntolerance","criticality":"high"}`, first.Event.ID))
	apply(t, s, first, gone)
	if got := heads(t, s, allergy, false, gone.Event.ID); !got.Shown.Deleted() || got.Shown.Body != nil {
		t.Fatalf("the deletion is not shown: %+v", got.Shown)
	}
	apply(t, s, edit)
	heads(t, s, allergy, true, edit.Event.ID, gone.Event.ID) // never a deletion over a live head
	if found, err := s.Dossier(context.Background(), "pat-1"); len(found) != 1 || err != nil {
		t.Fatalf("the allergy is not in the dossier: %v, %v", found, err)
	}

	// The other way round, and delete against delete.
	first = at(11, a.write(note, note1("x")))
	edit = at(12, b.write(note, note1("y"), first.Event.ID))
	gone = at(13, a.erase(note, first.Event.ID))
	apply(t, s, first, edit, gone)
	heads(t, s, note, true, edit.Event.ID, gone.Event.ID)
	both := at(14, a.erase(note, edit.Event.ID, gone.Event.ID))
	again := at(15, b.erase(note, edit.Event.ID, gone.Event.ID))
	apply(t, s, both, again)
	heads(t, s, note, false, both.Event.ID, again.Event.ID)
}

func TestScenario05_DeletedMadeAgainThenAnOldBranch(t *testing.T) {
	s, a, b := open(t), newDesk("a"), newDesk("b")
	first := at(1, a.write(note, note1("first")))
	gone := at(2, a.erase(note, first.Event.ID))
	anew := at(3, a.write(note, note1("anew"), gone.Event.ID))
	old := at(4, b.write(note, note1("old branch"), first.Event.ID))
	apply(t, s, first, gone, anew)
	heads(t, s, note, false, anew.Event.ID)
	apply(t, s, old)
	heads(t, s, note, true, anew.Event.ID, old.Event.ID)
	if got, ok, err := s.Ancestor(context.Background(), note); !ok || err != nil || got.Event.ID != first.Event.ID {
		t.Fatalf("ancestor: %v, %v, %v: want %s", got, ok, err, first.Event.ID)
	}
}

func TestScenario06_SameIdMadeOnTwoDevices(t *testing.T) {
	s := open(t)
	a, b := at(1, newDesk("a").write(note, note1("a"))), at(2, newDesk("b").write(note, note1("b")))
	apply(t, s, b)
	apply(t, s, a)
	heads(t, s, note, true, a.Event.ID, b.Event.ID)
	if got, ok, err := s.Ancestor(context.Background(), note); ok || err != nil {
		t.Fatalf("ancestor: %v, %v, %v: want none", got, ok, err)
	}
}

func TestScenario07_ClocksEqualToTheMillisecond(t *testing.T) {
	s := open(t)
	a, b := newDesk("a").write(note, note1("a")), newDesk("b").write(note, note1("b"))
	if a.Event.ID.Time() != b.Event.ID.Time() {
		t.Fatal("the ids have other times")
	}
	apply(t, s, b, a)
	heads(t, s, note, true, a.Event.ID, b.Event.ID) // both queued: by id
	apply(t, s, at(1, b), at(2, a))
	heads(t, s, note, true, b.Event.ID, a.Event.ID) // by the log
}

func TestScenario08_WrongClocksChangeNothing(t *testing.T) {
	s := open(t)
	ahead, past := newDesk("ahead"), newDesk("past")
	ahead.clock, past.clock = ahead.clock.AddDate(2, 0, 0), time.UnixMilli(0).UTC()
	first := at(1, past.write(note, note1("first")))
	second := at(2, ahead.write(note, note1("second"), first.Event.ID))
	third := at(3, past.write(note, note1("third"), second.Event.ID))
	apply(t, s, third, second, first)
	heads(t, s, note, false, third.Event.ID)
	branch := at(4, past.write(note, note1("branch"), first.Event.ID))
	apply(t, s, branch)
	heads(t, s, note, true, third.Event.ID, branch.Event.ID)
	settled := at(5, past.write(note, note1("settled"), third.Event.ID, branch.Event.ID))
	apply(t, s, settled)
	heads(t, s, note, false, settled.Event.ID)
	history, err := s.History(context.Background(), note)
	if err != nil || len(history) != 5 || !history[0].Head || history[1].Head || history[0].Event.ID != settled.Event.ID {
		t.Fatalf("history: %v, %v", ids(history), err)
	}
	if got := history[2].Event.Time; !got.Equal(third.Event.Time) && !got.Equal(second.Event.Time) && !got.Equal(first.Event.Time) {
		t.Fatalf("the clock's time is not what was written: %v", got)
	}
}

func TestScenario09_ThePositionIsLost(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	var log []projections.Entry
	var parent []events.ID
	at1 := events.Position{}
	for i := range 20 {
		e := at(uint64(i+1), a.write(note, note1(fmt.Sprint(i)), parent...))
		parent = []events.ID{e.Event.ID}
		at1 = at1.Next(e.Sequence, e.Event.Fingerprint())
		log = append(log, e)
	}
	if _, err := s.Apply(ctx, projections.Batch{Entries: log, Position: at1, Stream: "stream-1"}); err != nil {
		t.Fatal(err)
	}
	want := dump(t, s)
	if got, stream, err := s.Position(ctx); got != at1 || stream != "stream-1" || err != nil {
		t.Fatalf("position: %v %q %v", got, stream, err)
	}
	if err := s.Distrust(ctx); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Position(ctx); got != (events.Position{}) || err != nil {
		t.Fatalf("position after distrust: %v, %v", got, err)
	}
	if n, err := s.DossierSequence(ctx, "pat-1"); n != 0 || err != nil {
		t.Fatalf("dossier after distrust: %d, %v", n, err)
	}
	// Read again from the beginning, with a part that is read twice.
	if _, err := s.Apply(ctx, projections.Batch{Entries: log[:12]}); err != nil {
		t.Fatal(err)
	}
	var lost []events.ID
	for m, err := range s.Unconfirmed(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.Decode(m.Message)
		if err != nil {
			t.Fatal(err)
		}
		lost = append(lost, e.ID)
	}
	var missing []events.ID
	for _, e := range log[12:] {
		missing = append(missing, e.Event.ID)
	}
	if diff := cmp.Diff(missing, lost); diff != "" {
		t.Fatalf("what the server lost (-want +got):\n%s", diff)
	}
	if _, err := s.Apply(ctx, projections.Batch{Entries: log[5:], Position: at1}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, dump(t, s)); diff != "" {
		t.Fatalf("read twice gives other tables (-want +got):\n%s", diff)
	}
	if n, err := s.DossierSequence(ctx, "pat-1"); n != 20 || err != nil {
		t.Fatalf("dossier: %d, %v: want 20", n, err)
	}
}

func TestScenario15_PushedAgainLongAfter(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	first := a.write(note, note1("first"))
	second := a.write(note, note1("second"), first.Event.ID)
	apply(t, s, first)
	apply(t, s, at(1, first), at(2, second))
	apply(t, s, at(9, first))
	heads(t, s, note, false, second.Event.ID)
	got, err := s.Version(ctx, note, first.Event.ID)
	if err != nil || got.Sequence != 1 {
		t.Fatalf("the first stands at %d, %v: want 1", got.Sequence, err)
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := projections.Counts{Records: 1, Events: 2, Concerns: projections.Concerns{Doubts: map[projections.Doubt]int{projections.DoubtRepeat: 1}}}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Fatalf("counts (-want +got):\n%s", diff)
	}
	var sequences []uint64
	for m, err := range s.Log(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		sequences = append(sequences, m.Sequence)
	}
	if diff := cmp.Diff([]uint64{1, 2, 9}, sequences); diff != "" {
		t.Fatalf("log (-want +got):\n%s", diff)
	}
	if n, err := s.DossierSequence(ctx, "pat-1"); n != 9 || err != nil {
		t.Fatalf("dossier: %d, %v: want 9", n, err)
	}
}

func TestScenario16_ThousandHeads(t *testing.T) {
	ctx := context.Background()
	s, log := open(t), thousandHeads(1000)
	apply(t, s, log[0])
	for _, e := range log[1:] {
		apply(t, s, e)
	}
	got := state(t, s, note)
	if len(got.Heads) != 1000 || !got.Conflict || got.Shown.Event.ID != log[1].Event.ID {
		t.Fatalf("%d heads, conflict %v, shown %s: want 1000, true, %s", len(got.Heads), got.Conflict, got.Shown.Event.ID, log[1].Event.ID)
	}
	if v, ok, err := s.Ancestor(ctx, note); !ok || err != nil || v.Event.ID != log[0].Event.ID {
		t.Fatalf("ancestor: %v, %v, %v", v, ok, err)
	}
	all := newDesk("z").write(note, note1("settled"), ids(got.Heads)...)
	apply(t, s, at(2000, all))
	heads(t, s, note, false, all.Event.ID)
}

// thousandHeads is one version and n that extend it, each by another device.
func thousandHeads(n int) []projections.Entry {
	first := at(1, newDesk("a").write(note, note1("first")))
	log := []projections.Entry{first}
	for i := range n {
		d := newDesk(fmt.Sprint("d", i))
		log = append(log, at(uint64(i+2), d.write(note, note1(fmt.Sprint(i)), first.Event.ID)))
	}
	return log
}

func TestQueuedIsShownLastAndStaleIsTakenOut(t *testing.T) {
	ctx := context.Background()
	s, a, b := open(t), newDesk("a"), newDesk("b")
	first := at(1, a.write(note, note1("first")))
	mine := a.write(note, note1("mine"), first.Event.ID)
	apply(t, s, first, mine)
	want := heads(t, s, note, false, mine.Event.ID)
	if want.Shown.Sequence != 0 {
		t.Fatalf("queued, but at %d", want.Shown.Sequence)
	}
	theirs := at(2, b.write(note, note1("theirs"), first.Event.ID))
	apply(t, s, theirs)
	heads(t, s, note, true, theirs.Event.ID, mine.Event.ID)
	before, _ := s.ChainEnd(ctx, "a")
	if err := s.Remove(ctx, mine.Event.ID); err != nil {
		t.Fatal(err)
	}
	heads(t, s, note, false, theirs.Event.ID)
	after, err := s.ChainEnd(ctx, "a")
	if err != nil || after != mine.Event.Chain || before != mine.Event.Follows() {
		t.Fatalf("chain: %v then %v, %v", before, after, err)
	}
	for _, id := range []events.ID{theirs.Event.ID, mine.Event.ID} {
		if err := s.Remove(ctx, id); !errors.Is(err, projections.ErrNotQueued) {
			t.Fatalf("remove %s: %v: want ErrNotQueued", id, err)
		}
	}
	changes, err := s.Changes(ctx, projections.Mark{}, 0)
	if err != nil || len(changes) != 3 || !changes[2].Removed || changes[2].Event != mine.Event.ID {
		t.Fatalf("changes: %+v, %v", changes, err)
	}
}

func TestForkIsKeptAndCounted(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	first := at(1, a.write(note, note1("first")))
	back := *a // the disk comes back from a backup
	back.made = 100
	one := at(2, a.write(note, note1("one"), first.Event.ID))
	two := at(3, back.write(note, note1("two"), first.Event.ID))
	apply(t, s, first, one, two)
	heads(t, s, note, true, one.Event.ID, two.Event.ID)
	list, err := s.Doubts(ctx)
	if err != nil || len(list) != 2 || list[0].Kind != projections.DoubtFork || list[0].Counter != 2 {
		t.Fatalf("doubts: %+v, %v", list, err)
	}
	if c, err := s.Counts(ctx); c.Doubts[projections.DoubtFork] != 1 || err != nil {
		t.Fatalf("counts: %+v, %v", c, err)
	}
}

// An event that was set aside keeps its place in the chain, and its stub is no fork.
func TestSetAsideIsNoFork(t *testing.T) {
	ctx := context.Background()
	s, a := open(t), newDesk("a")
	refused := a.write(note, note1("refused"))
	stub := a.event(events.SetAside, note, "pat-1", "")
	stub.Chain, stub.Replaces = refused.Event.Chain, refused.Event.Link()
	apply(t, s, refused, at(1, projections.Entry{Event: stub}))
	end, err := s.ChainEnd(ctx, "a")
	if err != nil || end != refused.Event.Follows() {
		t.Fatalf("chain: %v, %v: want %v", end, err, refused.Event.Follows())
	}
	if c, err := s.Counts(ctx); len(c.Doubts) != 0 || err != nil {
		t.Fatalf("doubts: %v, %v: want none", c.Doubts, err)
	}
	if err := s.Remove(ctx, refused.Event.ID); err != nil {
		t.Fatal(err)
	}
	if end, err = s.ChainEnd(ctx, "a"); err != nil || end != refused.Event.Follows() {
		t.Fatalf("chain without the refused one: %v, %v", end, err)
	}
	if _, err := s.Record(ctx, note); !errors.Is(err, projections.ErrNotFound) {
		t.Fatalf("record: %v: want ErrNotFound", err)
	}
}

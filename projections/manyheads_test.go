package projections_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/carelog/carelog/events"
)

// A record of many heads is indexed later: each head would else have the values of all
// others made anew. It is found all the same, at once, and by each head once it is indexed.
func TestManyHeadsAreIndexedLater(t *testing.T) {
	const heads = 20
	body := `{"resourceType":"Condition","code":{"coding":[{"system":"urn:x","code":"%d"}]}}`
	s := open(t)
	first := at(1, newDesk("a").write(note, fmt.Sprintf(body, 100)))
	apply(t, s, first)
	for i := range heads {
		apply(t, s, at(uint64(i+2), newDesk(fmt.Sprint("d", i)).write(note, fmt.Sprintf(body, i), first.Event.ID)))
	}
	waits := func() bool {
		t.Helper()
		at, err := s.Indexed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return !at.Complete()
	}
	if !waits() {
		t.Error("it was indexed with each head")
	}
	page, err := s.Search(context.Background(), ask(t, "Condition", "code=19"))
	if err != nil {
		t.Fatal(err)
	}
	if len(page.States) == 0 && !page.Partial {
		t.Error("what waits to be indexed is said to be missing")
	}
	complete(t, s)
	if waits() {
		t.Error("it is never indexed")
	}
	for i := range heads {
		if got := found(t, s, ask(t, "Condition", fmt.Sprint("code=", i))); len(got) != 1 {
			t.Errorf("by head %d: found %v", i, got)
		}
	}
	if got := found(t, s, ask(t, "Condition", "code=100")); len(got) != 0 {
		t.Errorf("by what all heads replaced: found %v", got)
	}
	var all []events.ID
	for _, h := range state(t, s, note).Heads {
		all = append(all, h.Event.ID)
	}
	settled := newDesk("z").write(note, fmt.Sprintf(body, 7), all...)
	apply(t, s, at(heads+2, settled))
	if got := found(t, s, ask(t, "Condition", "code=19")); len(got) != 0 || waits() {
		t.Errorf("after it was settled: found %v", got)
	}
}

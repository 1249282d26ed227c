package projections_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections"
)

// What is queued comes as it was written, in the order of the chain; what the log has, what
// others wrote and what the caller knows does not come.
func TestQueued(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	made := eventstest.New(t, nil)
	one, two := made.Stranger("desk-1"), made.Stranger("desk-2")
	var list []*events.Event
	for range 4 {
		list = append(list, one.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: eventstest.Resource("Condition/c1", "p1", "x")}))
	}
	other := two.Make(eventstest.Change{Record: "Condition/c2", Patient: "p1", Body: eventstest.Resource("Condition/c2", "p1", "x")})
	for _, e := range append(list, other) {
		e.Practice = practice
	}
	list[0].Extra = []events.Attribute{{Name: "ce-newer", Value: "1"}}
	apply(t, s, projections.Entry{Event: list[2]}, projections.Entry{Event: list[0]}, projections.Entry{Event: other},
		projections.Entry{Event: list[3], Sequence: 1, Hash: events.Digest{1}}, projections.Entry{Event: list[1]})
	got, err := s.Queued(ctx, "desk-1", func(id events.ID, counter uint64) bool { return id == list[1].ID && counter == list[1].Chain.Counter })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*events.Event{list[0], list[2]}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range []*events.Event{list[0], list[2]} {
		if got[i].Fingerprint() != want.Fingerprint() {
			t.Errorf("event %d encodes to other bytes", i)
		}
	}
}

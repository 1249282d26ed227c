package outbox_test

import (
	"context"
	"testing"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// renew signs an event for another place in the chain.
func (b *box) renew(e events.Event, c events.Chain) *events.Event {
	e.Chain = c
	e.Sign(b.device.Key)
	return &e
}

// What is put back stands where it stood, beside what was there, with its key; and the chain
// goes on after all that the device is known to have written.
func TestPutBack(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	b.write("an older copy has it")
	var lost []*events.Event
	for _, note := range []string{"a", "b"} {
		lost = append(lost, b.device.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: note}))
	}
	k, err := eventstest.New(t, nil).Ring.Make("p1")
	if err != nil {
		t.Fatal(err)
	}
	b.device.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: "the log has it"})
	for range 2 { // twice is as once
		renewed, err := b.PutBack(ctx, b.device.Next, []events.WrappedKey{k}, b.renew, lost...)
		if err != nil || len(renewed) != 0 {
			t.Fatalf("%v, %v; want that all stand where they stood", renewed, err)
		}
	}
	b.want = append(b.want, lost...)
	b.check()
	if !b.TakeKeyed() {
		t.Error("nobody is told of the key")
	}
	b.reopen()
	holds(t, b.Outbox, 1, nil)
	b.check()
	b.write("goes on")
}

// What stands in the place of an event that is put back gets a number at the end, and an older
// form of it is gone, also where that was set aside.
func TestPutBackInAPlaceThatIsTaken(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	first := b.write("stays")
	refused := b.write("refused, and queued again later")
	stub := *refused
	stub.ID, stub.Type, stub.Replaces = events.ID{9}, events.SetAside, refused.Link()
	stub.Sign(b.device.Key)
	if err := b.SetAside(ctx, "too large", outbox.Stubbed{Event: refused, Stub: &stub}); err != nil {
		t.Fatal(err)
	}
	given := b.device.Next
	withdrawn := b.transact("x", "y")
	b.device.Next = given // its numbers were given away
	other := b.device.Make(eventstest.Change{Record: "Condition/c2", Patient: "p1", Body: "b"})
	again := b.renew(*refused, b.device.Next)
	b.device.Next = again.Follows()
	renewed, err := b.PutBack(ctx, again.Follows(), nil, b.renew, other, again)
	if err != nil {
		t.Fatal(err)
	}
	if len(renewed) != 2 || renewed[0].ID != withdrawn[0].ID || renewed[0].Chain != again.Follows() || renewed[1].Chain != renewed[0].Follows() {
		t.Fatalf("%+v, want the two that were there at the end of the chain", renewed)
	}
	b.want = append([]*events.Event{first, &stub, other, again}, renewed...)
	b.device.Next = renewed[1].Follows()
	b.check()
	if n := b.CountSetAside(); n != 0 {
		t.Errorf("%d are set aside, want none: it was queued again", n)
	}
	groups := b.groups(0, -1)
	if id := withdrawn[0].ID; groups[4] != id || groups[5] != id {
		t.Errorf("the transactions are %v, want the last two together", groups)
	}
	b.reopen()
}

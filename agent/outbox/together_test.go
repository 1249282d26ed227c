package outbox_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// transact queues events as one, and returns them.
func (b *box) transact(records ...string) (list []*events.Event) {
	b.t.Helper()
	for _, r := range records {
		e := b.device.Make(eventstest.Change{Record: "Condition/" + r, Patient: "p1", Body: "{}"})
		list = append(list, e)
	}
	if err := b.EnqueueTogether(context.Background(), nil, list...); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.want = append(b.want, list...)
	return list
}

// groups are the transactions of what waits, in order; zero for what stands alone.
func (b *box) groups(after uint64, limit int) (ids []events.ID) {
	b.t.Helper()
	list, err := b.Pending(context.Background(), after, limit)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	for _, e := range list {
		ids = append(ids, e.Together)
	}
	return ids
}

// What belongs together stays so: after a restart, with other numbers, set aside and
// queued again; and is never handed out in part.
func TestTogether(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	b.write("alone")
	list := b.transact("a", "b", "c")
	one := b.transact("d")
	b.reopen()
	id, none := list[0].ID, events.ID{}
	for limit, want := range map[int][]events.ID{1: {none}, 2: {none, id, id, id}, 4: {none, id, id, id}, 5: {none, id, id, id, none}, -1: {none, id, id, id, none}} {
		if diff := cmp.Diff(want, b.groups(0, limit)); diff != "" {
			t.Errorf("up to %d (-want +got):\n%s", limit, diff)
		}
	}
	stubs := make([]outbox.Stubbed, len(list))
	for i, e := range list {
		stub := *e
		stub.ID, stub.Type, stub.Replaces, stub.Sealed = events.ID{byte(i + 1)}, events.SetAside, e.Link(), nil
		stubs[i] = outbox.Stubbed{Event: e, Stub: &stub}
	}
	wrong := slices.Clone(stubs)
	wrong[2].Event = one[0]
	if err := b.SetAside(ctx, "refused", wrong...); err == nil || b.CountSetAside() != 0 {
		t.Errorf("a stub of another: %v, %d set aside", err, b.CountSetAside())
	}
	if err := b.SetAside(ctx, "refused", stubs...); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if b.CountSetAside() != 3 {
		t.Errorf("%d set aside, want 3", b.CountSetAside())
	}
	renew := func(e events.Event, c events.Chain) *events.Event {
		e.Chain = c
		e.Sign(b.device.Key)
		return &e
	}
	again, err := b.Requeue(ctx, list[1].ID, renew)
	if err != nil || len(again) != 3 || again[0].ID != id || again[2].ID != list[2].ID || again[1].Chain != again[0].Follows() {
		t.Fatalf("queued again: %v, %v", again, err)
	}
	if got := b.groups(one[0].Chain.Counter, -1); !slices.Equal(got, []events.ID{id, id, id}) {
		t.Errorf("queued again as %v", got)
	}
	if b.want, err = b.Rechain(ctx, events.Chain{Counter: 90, Previous: events.Digest{4}}, renew); err != nil {
		t.Fatal(err)
	}
	b.device.Next = b.want[len(b.want)-1].Follows()
	if got := b.groups(0, -1); !slices.Equal(got, []events.ID{none, none, id, id, id}) {
		t.Errorf("with other numbers as %v", got)
	}
}

// A transaction is given up as one.
func TestTogetherIsDiscarded(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	list := b.transact("a", "b")
	var stubs []outbox.Stubbed
	for i, e := range list {
		stub := *e
		stub.ID, stub.Type, stub.Replaces, stub.Sealed = events.ID{byte(i + 1)}, events.SetAside, e.Link(), nil
		stubs = append(stubs, outbox.Stubbed{Event: e, Stub: &stub})
		b.want[i] = &stub
	}
	if err := b.SetAside(ctx, "refused", stubs...); err != nil {
		t.Fatal(err)
	}
	gone, err := b.Discard(ctx, list[1].ID, "dr-1", "typed twice", time.Now())
	if err != nil || !slices.Equal(gone, []events.ID{list[0].ID, list[1].ID}) || b.CountSetAside() != 0 {
		t.Errorf("given up: %v, %v; %d are left", gone, err, b.CountSetAside())
	}
}

func TestTogetherIsWithdrawn(t *testing.T) {
	b := newBox(t)
	b.write("alone")
	list := b.transact("a", "b")
	if err := b.Withdraw(context.Background(), list...); err != nil {
		t.Fatal(err)
	}
	b.want, b.device.Next = b.want[:1], list[0].Chain
	b.reopen()
}

// A file of schema 2 is taken over: what it holds stands alone.
func TestSchema2IsTakenOver(t *testing.T) {
	b := newBox(t)
	b.write("1")
	b.write("2")
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("ALTER TABLE queue DROP COLUMN together; ALTER TABLE aside DROP COLUMN together; ALTER TABLE keys DROP COLUMN refused; PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if got := b.groups(0, -1); !slices.Equal(got, []events.ID{{}, {}}) {
		t.Errorf("taken over as %v", got)
	}
	b.transact("a", "b")
	b.reopen()
}

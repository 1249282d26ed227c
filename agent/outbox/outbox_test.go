package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box is an outbox with a device that fills it, and what should be in it.
type box struct {
	*outbox.Outbox
	t      eventstest.TB
	path   string
	device *eventstest.Device
	want   []*events.Event
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, path: filepath.Join(t.TempDir(), "outbox.db"), device: eventstest.New(t, nil).Stranger("desk-1")}
	b.open()
	t.Cleanup(func() {
		b.check()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *box) open() {
	b.t.Helper()
	var err error
	if b.Outbox, err = outbox.Open(context.Background(), b.path, "practice", "desk-1"); err != nil {
		b.t.Fatalf("open: %v", err)
	}
}

// reopen closes and opens again, as after a restart.
func (b *box) reopen() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatalf("close: %v", err)
	}
	b.open()
}

func (b *box) write(note string) *events.Event {
	b.t.Helper()
	e := b.device.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: eventstest.Resource("Condition/c1", "p1", note)})
	if err := b.Enqueue(context.Background(), nil, e); err != nil {
		b.t.Fatalf("enqueue: %v", err)
	}
	b.want = append(b.want, e)
	return e
}

// check holds the outbox against what should be in it.
func (b *box) check() {
	b.t.Helper()
	entries, err := b.Pending(context.Background(), 0, -1)
	if err != nil {
		b.t.Fatalf("pending: %v", err)
	}
	got, err := outbox.Events(entries)
	if err != nil {
		b.t.Fatalf("events: %v", err)
	}
	if diff := cmp.Diff(b.want, got, cmpopts.EquateEmpty()); diff != "" {
		b.t.Fatalf("the queue differs (-want +got):\n%s", diff)
	}
	if b.Len() != len(b.want) {
		b.t.Fatalf("Len is %d, want %d", b.Len(), len(b.want))
	}
	if b.Next() != b.device.Next {
		b.t.Fatalf("the chain goes on with %v, want %v", b.Next(), b.device.Next)
	}
}

func TestWhatIsQueuedSurvivesARestart(t *testing.T) {
	b := newBox(t)
	for i := range 3 {
		b.write(fmt.Sprint("note ", i))
	}
	b.reopen()
	b.check()
}

func TestConfirm(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	first, _, third := b.write("1"), b.write("2"), b.write("3")
	if err := b.Confirm(ctx, third.Chain.Counter, first.Chain.Counter, 99); err != nil {
		t.Fatal(err)
	}
	b.want = b.want[1:2]
	b.check()
	b.reopen()
}

func TestWithdrawTakesTheChainBack(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	first := b.write("1")
	second := b.write("2")
	if err := b.Withdraw(ctx, first); !errors.Is(err, outbox.ErrNotLast) {
		t.Errorf("withdraw what is not last: got %v, want ErrNotLast", err)
	}
	b.check()
	if err := b.Withdraw(ctx, second); err != nil {
		t.Fatal(err)
	}
	b.want, b.device.Next = b.want[:1], second.Chain
	b.check()
	b.reopen()
	b.write("3")
}

func TestEnqueueKeepsTheChain(t *testing.T) {
	b := newBox(t)
	b.write("1")
	stray := *b.device
	e := stray.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: `{"resourceType":"Condition"}`})
	e.Chain.Counter++
	e.Sign(stray.Key)
	if err := b.Enqueue(context.Background(), nil, e); err == nil || !strings.Contains(err.Error(), "number 3 in the chain, not 2") {
		t.Errorf("an event out of turn: got %v", err)
	}
}

func TestSetAsideKeepsTheChainWhole(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	first, second, third := b.write("1"), b.write("2"), b.write("3")
	stub := *second
	stub.ID, stub.Type, stub.Replaces, stub.Sealed = events.ID{9}, events.SetAside, second.Link(), nil
	stub.Sign(b.device.Key)
	if err := b.SetAside(ctx, "too large", outbox.Stubbed{Event: second, Stub: &stub}); err != nil {
		t.Fatal(err)
	}
	b.want = []*events.Event{first, &stub, third}
	b.reopen()
	b.check()
	if third.Chain != stub.Follows() {
		t.Errorf("the third event follows %v, and the stub says %v", third.Chain, stub.Follows())
	}

	if _, err := b.Discard(ctx, third.ID, "dr-1", "typed twice", time.Now()); err == nil {
		t.Error("an event that was not refused can be discarded")
	}
	if _, err := b.Discard(ctx, second.ID, "", "", time.Now()); err == nil {
		t.Error("an event can be discarded by nobody and for no reason")
	}

	renewed, err := b.Requeue(ctx, second.ID, func(e events.Event, c events.Chain) *events.Event {
		e.Chain = c
		e.Sign(b.device.Key)
		return &e
	})
	if err != nil {
		t.Fatal(err)
	}
	b.want = append(b.want, renewed...)
	b.device.Next = renewed[0].Follows()
	b.check()
	if _, err := b.Requeue(ctx, second.ID, nil); err == nil {
		t.Error("an event that waits can be queued again")
	}
}

func TestDiscardIsKept(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	e := b.write("1")
	stub := *e
	stub.ID, stub.Type, stub.Replaces, stub.Sealed = events.ID{9}, events.SetAside, e.Link(), nil
	if err := b.SetAside(ctx, "refused", outbox.Stubbed{Event: e, Stub: &stub}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Discard(ctx, e.ID, "dr-1", "typed twice", time.Now()); err != nil {
		t.Fatal(err)
	}
	b.want = []*events.Event{&stub}
	if _, err := b.Discard(ctx, e.ID, "dr-1", "again", time.Now()); !errors.Is(err, outbox.ErrNotQueued) {
		t.Errorf("discard twice: got %v, want ErrNotQueued", err)
	}
	b.reopen()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var author, reason string
	if err := db.QueryRow("SELECT author, reason FROM discarded WHERE id = ?", e.ID[:]).Scan(&author, &reason); err != nil || author != "dr-1" || reason != "typed twice" {
		t.Errorf("kept of the discarded event: %q, %q, %v", author, reason, err)
	}
}

func TestRechain(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	b.write("1")
	b.write("2")
	end := events.Chain{Counter: 40, Previous: events.Digest{4}}
	renewed, err := b.Rechain(ctx, end, func(e events.Event, c events.Chain) *events.Event {
		e.Chain = c
		e.Sign(b.device.Key)
		return &e
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(renewed) != 2 || renewed[0].Chain != end || renewed[1].Chain != renewed[0].Follows() {
		t.Errorf("the new chain is %v and %v", renewed[0].Chain, renewed[1].Chain)
	}
	b.want, b.device.Next = renewed, renewed[1].Follows()
	b.reopen()
}

func TestKeys(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	practice := eventstest.New(t, nil)
	k, err := practice.Ring.Make("p.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Enqueue(ctx, []events.WrappedKey{k, k}); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	got, err := b.Keys(ctx)
	if diff := cmp.Diff([]events.WrappedKey{k}, got); diff != "" || err != nil {
		t.Fatalf("keys differ, %v (-want +got):\n%s", err, diff)
	}
	e := b.device.Make(eventstest.Change{Record: "Patient/p.1", Patient: "p.1", Body: `{"resourceType":"Patient"}`})
	if e.Sealed, err = practice.Ring.Seal("p.1", e.ID, e.Record, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	e.Sign(b.device.Key)
	b.device.Next = e.Follows()
	if err := b.Enqueue(ctx, nil, e); err != nil {
		t.Fatal(err)
	}
	if err := b.Arrived(ctx, e); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Keys(ctx); err != nil || len(got) != 0 {
		t.Errorf("after an event with the key was read in the log: %v, %v", got, err)
	}
}

func TestTheChoiceToWorkOfflineIsKept(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	if err := b.SetOffline(ctx, true); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if chosen, err := b.Offline(ctx); err != nil || !chosen {
		t.Errorf("after a restart: offline %v, %v", chosen, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	own := filepath.Join(dir, "outbox.db")
	b, err := outbox.Open(ctx, own, "practice", "desk-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	change := func(name, statement string) string {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(own)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return path
	}
	notes := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(notes, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, practice, device string
		want                         error
		text                         string
	}{
		{"another practice", own, "other", "desk-1", outbox.ErrForeign, "of practice practice"},
		{"another device", own, "practice", "desk-2", outbox.ErrForeign, "device desk-1"},
		{"another program's database", change("foreign.db", "PRAGMA application_id = 7"), "practice", "desk-1", outbox.ErrForeign, "its own data folder"},
		{"a newer carelog", change("newer.db", "PRAGMA user_version = 99"), "practice", "desk-1", outbox.ErrNewer, "update"},
		{"no database", notes, "practice", "desk-1", outbox.ErrDamaged, "keep a copy"},
		{"no folder", filepath.Join(dir, "none", "outbox.db"), "practice", "desk-1", nil, "none"},
	}
	for _, tt := range tests {
		_, err := outbox.Open(ctx, tt.path, tt.practice, tt.device)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want %v with %q", tt.name, err, tt.want, tt.text)
		}
	}
}

// Whatever is done in whatever order, the queue is what a list would be, also after
// restarts.
func TestQueueIsAList(t *testing.T) {
	dir := t.TempDir()
	round := 0
	few := flag.Lookup("rapid.checks") // every step waits for the disk
	if few.Value.String() == few.DefValue {
		if err := few.Value.Set("25"); err != nil {
			t.Fatal(err)
		}
		defer few.Value.Set(few.DefValue)
	}
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		round++
		b := &box{t: t, path: filepath.Join(dir, fmt.Sprint(round)), device: eventstest.New(t, nil).Stranger("desk-1")}
		b.open()
		defer func() { b.Close() }() // of what is open then
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) { b.write("note") },
			"confirm": func(t *rapid.T) {
				if len(b.want) == 0 {
					t.Skip("nothing queued")
				}
				i := rapid.IntRange(0, len(b.want)-1).Draw(t, "which")
				if err := b.Confirm(ctx, b.want[i].Chain.Counter); err != nil {
					t.Fatal(err)
				}
				b.want = append(b.want[:i:i], b.want[i+1:]...)
			},
			"withdraw": func(t *rapid.T) {
				if len(b.want) == 0 || b.want[len(b.want)-1].Follows() != b.device.Next {
					t.Skip("the last is gone already")
				}
				last := b.want[len(b.want)-1]
				if err := b.Withdraw(ctx, last); err != nil {
					t.Fatal(err)
				}
				b.want, b.device.Next = b.want[:len(b.want)-1], last.Chain
			},
			"restart": func(t *rapid.T) { b.reopen() },
			"":        func(t *rapid.T) { b.check() },
		})
	})
}

// What the server acknowledged is not pending, and is there again where it did not
// arrive: the server's disk may come back from an older copy.
func TestSentIsKeptUntilItArrives(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	first, second, third := b.write("1"), b.write("2"), b.write("3")
	for i, e := range []*events.Event{first, second} {
		if err := b.Sent(ctx, uint64(i+1), e.Chain.Counter); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Arrived(ctx, first); err != nil {
		t.Fatal(err)
	}
	if err := b.Sent(ctx, 1, first.Chain.Counter); err != nil { // the answer comes after the reading
		t.Fatal(err)
	}
	if a, z := b.Overdue(1), b.Overdue(2); a != 0 || z != 1 {
		t.Errorf("%d overdue at 1 and %d at 2, want 0 and 1", a, z)
	}
	b.want = []*events.Event{third}
	b.check()
	b.Unsend()
	b.want = []*events.Event{second, third}
	b.check()
	if err := b.Sent(ctx, 2, second.Chain.Counter); err != nil {
		t.Fatal(err)
	}
	b.reopen() // nobody remembers
	b.check()
}

// The end of the chain is the same after a restart, whatever left the queue and whatever
// stands in it.
func TestChainGoesOnAfterARestart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		b := &box{t: rt, path: filepath.Join(t.TempDir(), "outbox.db"), device: eventstest.New(rt, nil).Stranger("desk-1")}
		b.open()
		defer func() { _ = b.Close() }()
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				b.write("note")
			case 1:
				var list []*events.Event
				for range rapid.IntRange(2, 3).Draw(rt, "events") {
					list = append(list, b.device.Make(eventstest.Change{Record: "Condition/c1", Patient: "p1", Body: eventstest.Resource("Condition/c1", "p1", "together")}))
				}
				if err := b.EnqueueTogether(ctx, nil, list...); err != nil {
					rt.Fatal(err)
				}
				b.want = append(b.want, list...)
			case 2: // confirm any of them
				if len(b.want) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(b.want)-1).Draw(rt, "which")
				if err := b.Confirm(ctx, b.want[i].Chain.Counter); err != nil {
					rt.Fatal(err)
				}
				b.want = slices.Delete(b.want, i, i+1)
			case 3: // withdraw the last
				n := len(b.want)
				if n == 0 || b.want[n-1].Follows() != b.device.Next {
					continue
				}
				if err := b.Withdraw(ctx, b.want[n-1]); err != nil {
					rt.Fatal(err)
				}
				b.device.Next = b.want[n-1].Chain
				b.want = b.want[:n-1]
			case 4:
				b.reopen()
			}
			b.check()
		}
		b.reopen()
		b.check()
	})
}

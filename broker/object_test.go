package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker"
	"github.com/carelog/carelog/broker/brokertest"
	"github.com/carelog/carelog/events"
)

// What makes an object count is lost, or only the answer to it: the object is there.
func TestObjectUnknown(t *testing.T) {
	b := brokertest.Start(t)
	d := b.Device("desk-1")
	l := d.Connect()
	for i, fault := range []func(){d.LoseObjectSend, d.LoseObjectAck, func() {}} {
		fault()
		data := bytes.Repeat([]byte{byte(i)}, 256<<10)
		if err := l.PutObject(t.Context(), "a", data); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Object(t.Context(), "a"); err != nil || !bytes.Equal(got, data) {
			t.Errorf("fault %d: %d bytes, %v", i, len(got), err)
		}
	}
	stream, err := admin(t, b.Access()).Stream(t.Context(), "OBJ_SNAPSHOTS")
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != 3 {
		t.Errorf("%d messages for one object of two pieces, want 3", got)
	}
}

// The tools of NATS read what a desk has stored, and the other way round.
func TestObjectForm(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	store, err := admin(t, b.Access()).ObjectStore(t.Context(), "SNAPSHOTS")
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("carelog"), 200_000)
	if err := l.PutObject(t.Context(), "ours", data); err != nil {
		t.Fatal(err)
	}
	if got, err := store.GetBytes(t.Context(), "ours"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(data))
	}
	if _, err := store.Put(t.Context(), jetstream.ObjectMeta{Name: "theirs"}, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Object(t.Context(), "theirs"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v; want %d", len(got), err, len(data))
	}
}

// What there is, and that one is removed, is told without the contents of the others: nats-server brings in each
// file of 8 MiB that it looks into, whole. Also beside an upload that never ended, which is looked for once.
func TestFewObjectsAreLookedInto(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	const objects, size = 24, 4 << 20
	for i := range objects {
		if err := l.PutObject(t.Context(), fmt.Sprintf("a.%02d", i), bytes.Repeat([]byte{byte(i)}, size)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin(t, b.Access()).Publish(t.Context(), "$O.SNAPSHOTS.C.leftbehind", []byte("a piece")); err != nil {
		t.Fatal(err)
	}
	remove := func(i int) func() error {
		return func() error { return l.DeleteObject(t.Context(), fmt.Sprintf("a.%02d", i)) }
	}
	if err := remove(0)(); err != nil { // it looks for what was left behind
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"listed":  func() error { _, err := l.ObjectNames(t.Context()); return err },
		"removed": remove(objects / 2),
	} {
		if got := taken(t, do); got > objects*size/3 {
			t.Errorf("%s: %d MB of memory for a store of %d", what, got>>20, objects*size>>20)
		}
	}
}

// A piece that the server does not have is not waited for: its reader hears at once that the content is gone.
// Whoever reads it can do something, and is not told that the object might be there.
func TestAFullStoreSaysWhatToDo(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	b.LimitObjects(1 << 20)
	err := l.PutObject(t.Context(), "a", make([]byte, 2<<20))
	if err == nil || !strings.Contains(err.Error(), "make room on its disk") || !strings.Contains(err.Error(), "OBJ_SNAPSHOTS") {
		t.Errorf("error %v, want what to do", err)
	}
	if err != nil && strings.Contains(err.Error(), events.ErrUnknownOutcome.Error()) {
		t.Errorf("error %v says that it is in doubt", err)
	}
}

func TestAPieceThatIsGoneIsNotWaitedFor(t *testing.T) {
	b := brokertest.Start(t)
	l := b.Device("desk-1").Connect()
	l.WaitForPieces(time.Hour)
	stream, err := admin(t, b.Access()).Stream(t.Context(), "OBJ_SNAPSHOTS")
	if err != nil {
		t.Fatal(err)
	}
	const pieces = 4 // and what announces them behind
	for gone := range uint64(pieces) {
		if err := l.PutObject(t.Context(), "a", bytes.Repeat([]byte{1}, pieces*broker.ObjectChunk-1)); err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.DeleteMsg(t.Context(), info.State.LastSeq-pieces+gone); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Object(t.Context(), "a"); !errors.Is(err, events.ErrNoMessage) || !errors.As(err, new(*events.DamagedError)) {
			t.Errorf("piece %d of %d is gone: %d bytes, %v; want that it is damaged", gone, pieces, len(got), err)
		}
	}
}

// taken is how many bytes are taken while do runs, and nothing is left over from before.
func taken(t *testing.T, do func() error) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	for range 3 { // what sync.Pool keeps outlives two
		runtime.GC()
	}
	runtime.ReadMemStats(&before)
	if err := do(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

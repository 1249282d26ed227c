package broker_test

import (
	"bytes"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/carelog/carelog/broker/brokertest"
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

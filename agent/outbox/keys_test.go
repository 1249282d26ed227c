package outbox_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// sealedBy puts an event into the outbox with the key by which it is sealed.
func (b *box) sealedBy(ring *events.Keyring, patient string) (*events.Event, events.WrappedKey) {
	b.t.Helper()
	k, err := ring.Make(patient)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	e := b.device.Make(eventstest.Change{Record: "Patient/" + patient, Patient: patient, Body: `{"resourceType":"Patient"}`})
	if e.Sealed, err = ring.Seal(patient, e.ID, e.Record, []byte("{}")); err != nil {
		b.t.Fatalf("%v", err)
	}
	e.Sign(b.device.Key)
	b.device.Next = e.Follows()
	if err := b.Enqueue(context.Background(), []events.WrappedKey{k}, e); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.want = append(b.want, e)
	return e, k
}

// holds checks which keys there are, and why which of them was refused.
func holds(t *testing.T, b *outbox.Outbox, keys int, refused map[string]string) {
	t.Helper()
	list, err := b.Keys(context.Background())
	if err != nil || len(list) != keys {
		t.Errorf("%d keys, %v; want %d", len(list), err, keys)
	}
	got := b.RefusedKeys()
	if len(got) != len(refused) {
		t.Errorf("refused: %v, want %v", got, refused)
	}
	for name, reason := range refused {
		if got[name] != reason {
			t.Errorf("key %s was refused because of %q, want %q", name, got[name], reason)
		}
	}
}

// A key that the server refused stays when its event was read in the log, and when the file
// was closed; until the server takes it.
func TestARefusedKeyStays(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	ring := eventstest.New(t, nil).Ring
	e, k := b.sealedBy(ring, "p1")
	for _, reason := range []string{"too many", "still too many", "still too many"} {
		if err := b.KeyRefused(ctx, k, reason); err != nil {
			t.Fatal(err)
		}
	}
	refused := map[string]string{k.Name(): "still too many"}
	if err := b.Arrived(ctx, e); err != nil {
		t.Fatal(err)
	}
	b.want = nil
	holds(t, b.Outbox, 1, refused)
	b.reopen()
	holds(t, b.Outbox, 1, refused)

	lost, err := ring.Make("p2") // of an earlier day: the server had it
	if err != nil {
		t.Fatal(err)
	}
	if err := b.KeyRefused(ctx, lost, ""); err != nil {
		t.Fatal(err)
	}
	refused[lost.Name()] = "no reason was given"
	holds(t, b.Outbox, 2, refused)
	for _, taken := range []events.WrappedKey{k, lost, k} {
		if err := b.KeyTaken(ctx, taken); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, b.Outbox, 0, nil)
	b.reopen()
	holds(t, b.Outbox, 0, nil)
}

// A key that the server took after all is kept as others are while its event waits.
func TestATakenKeyStaysForItsEvent(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	e, k := b.sealedBy(eventstest.New(t, nil).Ring, "p1")
	if err := b.KeyRefused(ctx, k, "too many"); err != nil {
		t.Fatal(err)
	}
	if err := b.KeyTaken(ctx, k); err != nil {
		t.Fatal(err)
	}
	holds(t, b.Outbox, 1, nil)
	b.reopen()
	holds(t, b.Outbox, 1, nil)
	if err := b.Arrived(ctx, e); err != nil {
		t.Fatal(err)
	}
	b.want = nil
	holds(t, b.Outbox, 0, nil)
}

// A file of schema 4 is taken over with its keys.
func TestSchema4IsTakenOver(t *testing.T) {
	b := newBox(t)
	_, k := b.sealedBy(eventstest.New(t, nil).Ring, "p1")
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("ALTER TABLE keys DROP COLUMN refused; PRAGMA user_version = 4"); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	holds(t, b.Outbox, 1, nil)
	if err := b.KeyRefused(context.Background(), k, "too many"); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	holds(t, b.Outbox, 1, map[string]string{k.Name(): "too many"})
}

package events_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

func TestWireRoundTrip(t *testing.T) {
	clock := events.NewClock(nil, nil)
	practice, err := events.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := events.NewKeyring(practice)
	if _, err := ring.Make("pat.1"); err != nil {
		t.Fatal(err)
	}
	pub, priv, _ := ed25519.GenerateKey(nil)
	parent, _ := clock.Next()
	id, err := clock.Next(parent)
	if err != nil {
		t.Fatal(err)
	}
	e := &events.Event{
		ID: id, Type: events.Written, Practice: "p1", Device: "d1",
		Record: events.Record{Type: "Patient", ID: "pat.1"}, Patient: "pat.1",
		Time: clock.Now(), Author: "dr-1", Parents: []events.ID{parent},
		Chain: events.Chain{Counter: 1}, ContentType: events.ContentFHIR,
	}
	body := []byte(`{"resourceType":"Patient","id":"pat.1"}`)
	if e.Sealed, err = ring.Seal(e.Patient, e.ID, e.Record, body); err != nil {
		t.Fatal(err)
	}
	e.Sign(priv)
	m, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := events.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Fatalf("decoded event differs (-want +got):\n%s", diff)
	}
	if err := got.Verify(pub); err != nil {
		t.Fatal(err)
	}
	plain, err := ring.Open(got)
	if err != nil || string(plain) != string(body) {
		t.Fatalf("open: %q, %v", plain, err)
	}
}

package eventstest_test

import (
	"crypto/ed25519"
	"math/rand/v2"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
)

// Whatever the builder makes is an event that decodes, verifies, opens and stands
// on a gapless chain: else a test of a fault would find faults of the builder.
func TestMadeUpLogIsSound(t *testing.T) {
	p := eventstest.New(t, nil)
	a, b := p.Enrol("a"), p.Enrol("b")
	p.History(rand.New(rand.NewPCG(1, 2)), 200, a, b)
	refused := a.Make(eventstest.Change{Record: "Condition/c1", Body: eventstest.Resource("Condition/c1", "", "x")})
	a.SetAside(refused)
	a.Write("Patient/pat.1", "pat.1", "after the stub")
	b.Revoke(a)
	b.Delete("Patient/pat.1", "pat.1")
	b.Erase("pat-0")

	keys := map[string]ed25519.PrivateKey{"a": a.Key, "b": b.Key}
	next := map[string]events.Chain{"a": {Counter: 1}, "b": {Counter: 1}}
	opened := 0
	for m, err := range p.Messages(1) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.Decode(m.Message)
		if err != nil {
			t.Fatalf("message %d: %v", m.Sequence, err)
		}
		if err := e.Verify(keys[e.Device].Public().(ed25519.PublicKey)); err != nil {
			t.Fatalf("message %d: %v", m.Sequence, err)
		}
		if want := next[e.Device]; e.Chain != want {
			t.Fatalf("message %d: chain %v, want %v", m.Sequence, e.Chain, want)
		}
		next[e.Device] = e.Follows()
		if body, err := p.Ring.Open(e); err == nil && body != nil {
			opened++
		}
	}
	if opened < 50 {
		t.Fatalf("%d bodies open: want most of them", opened)
	}
}

// A clone shares nothing with the message it was made of.
func TestClone(t *testing.T) {
	p := eventstest.New(t, nil)
	p.Enrol("a")
	was := p.Log[0].Message
	changed := eventstest.Clone(was)
	changed.Data[0] ^= 1
	changed.Header["ce-id"][0] = "x"
	if _, err := events.Decode(was); err != nil {
		t.Fatalf("the message changed with its clone: %v", err)
	}
	if _, err := events.Decode(changed); err == nil {
		t.Fatal("the changed clone still decodes")
	}
}

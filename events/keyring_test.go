package events_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/carelog/carelog/events"
)

func TestKeyringOpensWhatAnotherSealed(t *testing.T) {
	desk, other := events.NewKeyring(practiceKey), events.NewKeyring(practiceKey)
	wrapped := must(desk.Make("pat.1"))
	if err := other.Add(must(events.ParseWrappedKey(wrapped.Name(), wrapped.Wrapped))); err != nil {
		t.Fatal(err)
	}
	if err := other.Add(wrapped); err != nil {
		t.Errorf("the same key again: %v", err)
	}
	e := written()
	e.Sealed = must(desk.Seal(e.Patient, e.ID, e.Record, []byte(typical)))
	if got, err := other.Open(e); err != nil || string(got) != typical {
		t.Errorf("got %q, %v", got, err)
	}
	other.Forget("pat.1")
	if _, err := other.Open(e); !errors.Is(err, events.ErrNoKey) || must(other.Has("pat.1")) {
		t.Errorf("after Forget: got %v, want ErrNoKey", err)
	}
	if _, err := other.Seal(e.Patient, e.ID, e.Record, nil); !errors.Is(err, events.ErrNoKey) {
		t.Errorf("seal after Forget: got %v, want ErrNoKey", err)
	}
}

func TestKeyringComesToOneKeyOnAllDesks(t *testing.T) {
	desks := [2]*events.Keyring{events.NewKeyring(practiceKey), events.NewKeyring(practiceKey)}
	a, b := must(desks[0].Make("p")), must(desks[1].Make("p")) // both offline
	if err := errors.Join(desks[0].Add(b), desks[1].Add(a)); err != nil {
		t.Fatal(err)
	}
	var by [2]events.KeyID
	for i, desk := range desks {
		by[i] = must(events.SealedBy(must(desk.Seal("p", sealedID, sealedRecord, []byte("x")))))
	}
	if by[0] != by[1] {
		t.Errorf("the desks seal under %s and %s, want one key", by[0], by[1])
	}
}

func TestKeyringRefusesKeysThatAreNotThePatients(t *testing.T) {
	wrapped := must(events.NewKeyring(practiceKey).Make("pat.1"))
	other := wrapped
	other.Patient = "pat.2"
	renamed := wrapped
	renamed.ID[0]++
	cut := wrapped
	cut.Wrapped = cut.Wrapped[:10]
	for name, test := range map[string]struct {
		ring *events.Keyring
		key  events.WrappedKey
	}{
		"moved to another patient": {events.NewKeyring(practiceKey), other},
		"under another id":         {events.NewKeyring(practiceKey), renamed},
		"cut short":                {events.NewKeyring(practiceKey), cut},
		"of another practice":      {events.NewKeyring(must(events.NewKey(nil))), wrapped},
	} {
		if err := test.ring.Add(test.key); err == nil || must(test.ring.Has(test.key.Patient)) {
			t.Errorf("%s: got %v, want an error and no key", name, err)
		}
	}
}

func TestParseWrappedKeyNames(t *testing.T) {
	wrapped := must(events.NewKeyring(practiceKey).Make("a.b"))
	for _, name := range []string{"", "-", "a=2Eb", "a.b." + wrapped.ID.String(), "a=2Eb." + wrapped.ID.String()[1:], "a=2Eb.X" + wrapped.ID.String()[1:]} {
		if w, err := events.ParseWrappedKey(name, nil); err == nil {
			t.Errorf("ParseWrappedKey(%q) = %v, want an error", name, w)
		}
	}
}

func TestKeyringTakesManyAtOnce(t *testing.T) {
	ring, source := events.NewKeyring(practiceKey), events.NewKeyring(practiceKey)
	if err := ring.Add(must(source.Make("p"))); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if err := ring.Add(must(source.Make("p"))); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			e := written()
			e.Patient = "p"
			for range 50 {
				e.Sealed = must(ring.Seal("p", e.ID, e.Record, []byte(typical)))
				if got, err := ring.Open(e); err != nil || string(got) != typical {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
		all.Go(func() {
			for range 50 {
				ring.Forget("nobody")
				must(ring.Has("p"))
			}
		})
	}
	all.Wait()
}

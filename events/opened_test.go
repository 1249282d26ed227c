package events_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/events"
)

func openedKey(t testing.TB) events.Key {
	t.Helper()
	key, err := events.KeyFrom([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What is open is read by the practice alone, as the word of the device that said it, and its
// size does not tell how much it is.
func TestOpened(t *testing.T) {
	key := openedKey(t)
	list := []events.Opened{{Patient: "p1", Author: "dr-1"}, {Patient: "p2"}}
	sealed, err := key.SealOpened("p1", "desk-1", list)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.ReadOpened("p1", "desk-1", sealed); err != nil || !slices.Equal(got, list) {
		t.Errorf("got %v (%v)", got, err)
	}
	none, err := key.SealOpened("p1", "desk-1", nil)
	if err != nil || len(none) != len(sealed) {
		t.Errorf("two open dossiers are %d bytes, none are %d (%v)", len(sealed), len(none), err)
	}
	if got, err := key.ReadOpened("p1", "desk-1", none); err != nil || len(got) != 0 {
		t.Errorf("got %v (%v), want none", got, err)
	}
	for _, c := range [][2]string{{"p1", "desk-2"}, {"p2", "desk-1"}} {
		if _, err := key.ReadOpened(c[0], c[1], sealed); err == nil {
			t.Errorf("it opens as the word of %s in %s", c[1], c[0])
		}
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := key.ReadOpened("p1", "desk-1", sealed); err == nil {
		t.Error("a changed one opens")
	}
	many, err := key.SealOpened("p1", "desk-1", make([]events.Opened, 10*events.MaxOpened))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.ReadOpened("p1", "desk-1", many); err == nil {
		t.Error("dossiers of nobody are believed")
	}
}

// FuzzReadOpened: whatever comes over the line is refused or fit to be shown.
func FuzzReadOpened(f *testing.F) {
	key := openedKey(f)
	sealed, err := key.SealOpened("p1", "desk-1", []events.Opened{{Patient: "p1", Author: "dr-1"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		list, err := key.ReadOpened("p1", "desk-1", sealed)
		for _, o := range list {
			if events.ValidateID("patient", o.Patient) != nil || err != nil {
				t.Errorf("%+v is believed (%v)", o, err)
			}
		}
	})
}

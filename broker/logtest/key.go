package logtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

func keyCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){"Keys": testKeys, "NewKeys": testNewKeys, "KeysAtOnce": testKeysAtOnce, "Positions": testPositions}
}

// wrapped makes a new key of a patient.
func wrapped(t testing.TB, patient string) events.WrappedKey {
	t.Helper()
	practice, err := events.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := events.NewKeyring(practice).Make(patient)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantKeys(t testing.TB, l Log, want ...events.WrappedKey) {
	t.Helper()
	var got []events.WrappedKey
	for k, err := range l.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the keys differ (-want +got):\n%s", diff)
	}
}

func wantKeyState(t testing.TB, l Log, want events.KeyState) {
	t.Helper()
	got, err := l.KeyState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the state of the keys differs (-want +got):\n%s", diff)
	}
}

// All that are new, or none.
func testKeysAtOnce(t *testing.T, w World) {
	d := w.Device("desk-1")
	var list []events.WrappedKey
	for i := range 20 {
		list = append(list, wrapped(t, fmt.Sprint("pat-", i)))
	}
	for _, part := range [][]events.WrappedKey{nil, list[:1], list[1:15]} {
		if err := d.PutKeys(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	wantKeys(t, d, list[:15]...)
	if err := d.PutKeys(t.Context(), list[10:]); err == nil {
		t.Error("keys of which the server has some were stored as if they were new")
	}
	wantKeys(t, d, list[:15]...)
	if err := d.PutKeys(t.Context(), list[15:]); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, d, list...)
}

func testKeys(t *testing.T, w World) {
	d := w.Device("desk-1")
	wantKeys(t, d)
	list := []events.WrappedKey{wrapped(t, "pat.1"), wrapped(t, ""), wrapped(t, "pat.1"), wrapped(t, "pat-2")}
	for _, k := range list {
		for range 2 { // the same again is no error
			if err := d.PutKey(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantKeys(t, d, list...)
	for _, want := range list {
		got, err := d.Key(t.Context(), want.Patient, want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("key %s differs (-want +got):\n%s", want.Name(), diff)
		}
	}
	_, err := d.Key(t.Context(), "pat-3", list[0].ID)
	wantError(t, err, events.ErrNoMessage)

	forged := list[0]
	forged.Wrapped = []byte("another")
	var refused *events.RefusedError
	if err := d.PutKey(t.Context(), forged); !errors.As(err, &refused) {
		t.Errorf("another key under the same name: %v, want that it is refused", err)
	}
	wantKeys(t, d, list...)
	wantKeyState(t, d, events.KeyState{Counted: 4, Held: 4})

	w.EraseKeys("pat.1")
	wantKeys(t, d, list[1], list[3])
	erased := []string{list[0].Name(), list[2].Name()}
	slices.Sort(erased)
	wantKeyState(t, d, events.KeyState{Counted: 4, Held: 2, Erased: erased})
	w.EraseKeys("pat-3") // has none
	wantKeyState(t, d, events.KeyState{Counted: 4, Held: 2, Erased: erased})
	_, err = d.Key(t.Context(), "pat.1", list[0].ID)
	wantError(t, err, events.ErrNoMessage)
}

// Only what is new is read, but all of a bucket that is not the one that was read before.
func testNewKeys(t *testing.T, w World) {
	d := w.Device("desk-1")
	var list []events.WrappedKey
	for i := range 6 {
		list = append(list, wrapped(t, fmt.Sprint("pat-", i)))
	}
	add := func(keys ...events.WrappedKey) {
		t.Helper()
		if err := d.PutKeys(t.Context(), keys); err != nil {
			t.Fatal(err)
		}
	}
	var mark events.KeyMark
	anew := false
	want := func(what string, keys ...events.WrappedKey) {
		t.Helper()
		var got []events.WrappedKey
		now := mark
		err := d.KeysAfter(t.Context(), mark, func(came []events.WrappedKey, read events.KeyMark) error {
			got, now = append(got, came...), events.KeyMark{Sequence: read.Sequence, Stored: read.Stored, Anew: now.Anew || read.Anew}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(keys, got); diff != "" {
			t.Errorf("%s: the keys differ (-want +got):\n%s", what, diff)
		}
		if len(keys) > 0 && now.Anew != anew {
			t.Errorf("%s: read anew is %v, want %v", what, now.Anew, anew)
		}
		mark, anew = events.KeyMark{Sequence: now.Sequence, Stored: now.Stored}, false
	}
	want("an empty bucket")
	add(list[:2]...)
	want("the first", list[:2]...)
	w.Mark()
	d.Await(true)
	want("nothing new")
	put(t, d, Event(t, "pat-0", "Condition/c-1")) // the keys from here on go with it
	add(list[2:4]...)
	want("new ones", list[2:4]...)
	w.EraseKeys("pat-2")
	want("another was erased")
	w.EraseKeys("pat-3")
	anew = true
	want("that was erased which was read last", list[:2]...)
	add(list[4])
	want("one after it", list[4])

	w.RollBack()
	d.Await(true)
	before := mark
	anew = true
	want("shorter, from an older copy", list[:2]...)
	add(list[2:]...)
	mark, anew = before, true
	want("from an older copy, and long enough again", list...)
	w.Wipe()
	d.Await(true)
	want("wiped")
	add(list[3])
	want("new", list[3])
}

func testPositions(t *testing.T, w World) {
	one, two := w.Device("desk-1"), w.Device("desk-2")
	at := func(device string, sequence uint64) events.SignedPosition {
		return events.SignedPosition{Position: events.Position{Sequence: sequence}, Practice: Practice, Device: device, Stream: "s", Signature: []byte("signed")}
	}
	if got, err := one.Positions(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("positions %v, %v; want none", got, err)
	}
	for _, put := range []struct {
		d Log
		p events.SignedPosition
	}{{two, at("desk-2", 1)}, {one, at("desk-1", 5)}, {two, at("desk-2", 7)}} {
		if err := put.d.PutPosition(t.Context(), put.p); err != nil {
			t.Fatal(err)
		}
	}
	var refused *events.RefusedError
	if err := one.PutPosition(t.Context(), at("desk-2", 9)); !errors.As(err, &refused) {
		t.Errorf("another device's position: %v, want that it is refused", err)
	}
	got, err := one.Positions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]events.SignedPosition{at("desk-1", 5), at("desk-2", 7)}, got); diff != "" {
		t.Errorf("the positions differ (-want +got):\n%s", diff)
	}
}

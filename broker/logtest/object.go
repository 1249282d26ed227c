package logtest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
)

func objectCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){
		"Objects": testObjects, "ObjectDamaged": testObjectDamaged, "ObjectFull": testObjectFull, "ObjectOffline": testObjectOffline,
	}
}

// noise is n bytes that differ from place to place.
func noise(n int, seed byte) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i>>8) ^ byte(i*7) ^ seed
	}
	return data
}

func wantObject(t testing.TB, l Log, name string, want []byte) {
	t.Helper()
	places := []events.ObjectPlace{{}}
	for at := 0; at < min(len(places), 4); at++ { // read on from where it may have been cut off
		sealed := want[:places[at].Bytes:places[at].Bytes]
		for piece, err := range l.Sealed(t.Context(), name, places[at]) {
			if err != nil {
				t.Fatalf("object %q, sealed, after %+v: %v", name, places[at], err)
			}
			if sealed = append(sealed, piece.Data...); int64(len(sealed)) != piece.Read.Bytes {
				t.Errorf("object %q, sealed, is read up to %+v with %d bytes", name, piece.Read, len(sealed))
			}
			if at == 0 {
				places = append(places, piece.Read)
			}
		}
		if !bytes.Equal(sealed, want) {
			t.Errorf("object %q, sealed, after %+v, has %d bytes; want %d others", name, places[at], len(sealed), len(want))
		}
	}
	got, err := l.Object(t.Context(), name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("object %q has %d bytes, %v; want %d others", name, len(got), err, len(want))
	}
}

func wantObjects(t testing.TB, l Log, want ...string) {
	t.Helper()
	names, err := l.ObjectNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names, want) {
		t.Errorf("there are the objects %q, want %q", names, want)
	}
	for _, name := range names {
		if o, err := l.ObjectInfo(t.Context(), name); err != nil || o.Name != name || o.Stored.IsZero() {
			t.Errorf("of object %q is known %+v, %v", name, o, err)
		}
	}
}

func testObjects(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	wantObjects(t, mine)
	if err := mine.DeleteObject(t.Context(), "none"); err != nil {
		t.Error(err)
	}
	_, err := mine.Object(t.Context(), "none")
	wantError(t, err, events.ErrNoMessage)
	small, large, empty := noise(10, 1), noise(3<<20+17, 2), []byte{}
	for _, put := range []struct {
		name string
		data []byte
	}{{"a.b/c *>", large}, {"b", small}, {"c", empty}, {"a.b/c *>", small}, {"b", large}} {
		if err := mine.PutObject(t.Context(), put.name, put.data); err != nil {
			t.Fatal(err)
		}
		wantObject(t, theirs, put.name, put.data)
	}
	wantObjects(t, theirs, "a.b/c *>", "b", "c")
	if o, err := theirs.ObjectInfo(t.Context(), "b"); err == nil && o.Size != int64(len(large)) {
		t.Errorf("b has %d bytes, want %d", o.Size, len(large))
	}
	_, err = theirs.ObjectInfo(t.Context(), "none")
	wantError(t, err, events.ErrNoMessage)
	if err := theirs.DeleteObject(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	_, err = mine.Object(t.Context(), "b")
	wantError(t, err, events.ErrNoMessage)
	wantObjects(t, mine, "a.b/c *>", "c")
	var refused *events.RefusedError
	for name, data := range map[string][]byte{"": small, "large": make([]byte, events.MaxObject+1)} {
		if err := mine.PutObject(t.Context(), name, data); !errors.As(err, &refused) {
			t.Errorf("object %q: error %v, want that it is refused", name, err)
		}
	}
}

func testObjectDamaged(t *testing.T, w World) {
	d := w.Device("desk-1")
	for i, name := range []string{"damaged", "gone"} {
		if err := d.PutObject(t.Context(), name, noise(600<<10, byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	w.DamageObject("damaged")
	w.LoseObject("gone")
	var damaged *events.DamagedError
	if _, err := d.Object(t.Context(), "damaged"); !errors.As(err, &damaged) || damaged.Name != "damaged" {
		t.Errorf("error %v, want that it is damaged", err)
	}
	_, err := d.Object(t.Context(), "gone")
	wantError(t, err, events.ErrNoMessage)
	if !errors.As(err, &damaged) || damaged.Name != "gone" {
		t.Errorf("error %v, want that what stands under the name is damaged", err)
	}
	_, err = d.Object(t.Context(), "never was")
	wantError(t, err, events.ErrNoMessage)
	if errors.As(err, &damaged) {
		t.Errorf("error %v, want that there is none", err)
	}
	for _, name := range []string{"damaged", "gone"} { // and can be made again
		data := noise(100, 9)
		if err := d.PutObject(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
		wantObject(t, d, name, data)
	}
}

// Full is said, the old object stands, and what was begun takes no room.
func testObjectFull(t *testing.T, w World) {
	d := w.Device("desk-1")
	old := noise(1<<20, 1)
	w.LimitObjects(4 << 20)
	if err := d.PutObject(t.Context(), "a", old); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, name := range []string{"a", "b"} {
			err := d.PutObject(t.Context(), name, noise(4<<20, 2))
			wantError(t, err, events.ErrFull)
			if errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrOffline) {
				t.Errorf("error %v says two things", err)
			}
		}
	}
	wantObjects(t, d, "a")
	wantObject(t, d, "a", old)
	if err := d.PutObject(t.Context(), "b", noise(2<<20, 3)); err != nil {
		t.Errorf("what was begun in vain takes room: %v", err)
	}
	w.LimitObjects(0)
	if err := d.PutObject(t.Context(), "c", noise(4<<20, 2)); err != nil {
		t.Error(err)
	}
}

func testObjectOffline(t *testing.T, w World) {
	d := w.Device("desk-1")
	old := noise(1000, 1)
	if err := d.PutObject(t.Context(), "a", old); err != nil {
		t.Fatal(err)
	}
	for _, cut := range []func(){d.CutIncoming, func() { d.Cut(); d.Await(false) }} {
		cut()
		wantError(t, d.PutObject(t.Context(), "a", noise(1000, 2)), events.ErrOffline)
		_, err := d.Object(t.Context(), "a")
		wantError(t, err, events.ErrOffline)
		_, err = d.ObjectNames(t.Context())
		wantError(t, err, events.ErrOffline)
		wantError(t, d.DeleteObject(t.Context(), "a"), events.ErrOffline)
		d.Mend()
		d.Await(true)
		wantObject(t, d, "a", old)
	}
}

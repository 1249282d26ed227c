package projections_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// How far the keys were read stands in the file with them, goes on where another file
// takes its place, and is in no copy, which has no keys.
func TestHowFarTheKeysWereReadStandsWithThem(t *testing.T) {
	ctx := context.Background()
	mark := events.KeyMark{Sequence: 7, Stored: time.Unix(1_700_000_000, 123_456_789).UTC()}
	want := func(s *projections.Store, mark events.KeyMark, patients ...string) {
		t.Helper()
		got, err := s.KeysRead(ctx)
		if err != nil || got != mark {
			t.Errorf("read up to %v, %v; want %v", got, err, mark)
		}
		var here []string
		for k, err := range s.Keys(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			here = append(here, k.Patient)
		}
		if !slices.Equal(here, patients) {
			t.Errorf("keys of %v, want of %v", here, patients)
		}
	}
	path := filepath.Join(t.TempDir(), "record.db")
	s := openAt(t, path)
	read(t, s, logOfAll()...)
	want(s, events.KeyMark{})
	if err := s.PutRead(ctx, mark, events.WrappedKey{Patient: "pat-1", Wrapped: []byte("w")}); err != nil {
		t.Fatal(err)
	}
	finish(t, s)
	s = openAt(t, path)
	want(s, mark, "pat-1")

	copy := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Copy(ctx, copy); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, copy)
	want(other, events.KeyMark{})
	if err := other.PutRead(ctx, events.KeyMark{Sequence: 99, Stored: mark.Stored}); err != nil { // of the desk that made it
		t.Fatal(err)
	}
	finish(t, other)
	if err := s.Replace(ctx, copy); err != nil {
		t.Fatal(err)
	}
	want(s, mark, "pat-1")
	if err := s.PutRead(ctx, events.KeyMark{}); err != nil { // all were lost
		t.Fatal(err)
	}
	want(s, events.KeyMark{}, "pat-1")
	finish(t, s)
}

package outbox_test

import (
	"context"
	"os"
	"testing"
)

// The WAL has its length before anything is written, and keeps it in everyday use.
func TestWALDoesNotGrow(t *testing.T) {
	ctx := context.Background()
	b := newBox(t)
	length := func() int64 {
		info, err := os.Stat(b.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	began := length()
	for n := range 300 {
		e := b.write("asthma")
		if n%2 == 0 { // some wait while others come and go
			if err := b.Confirm(ctx, e.Chain.Counter); err != nil {
				t.Fatal(err)
			}
			b.want = b.want[:len(b.want)-1]
		}
		if now := length(); now != began {
			t.Fatalf("after %d changes the WAL has %d bytes, and had %d", n+1, now, began)
		}
	}
}

// What a kill leaves behind, zeros after the last change included, is all that was accepted.
func TestKilledWithRoomInTheWAL(t *testing.T) {
	for _, changes := range []int{0, 1, 5, 150} {
		b := newBox(t)
		for range changes {
			b.write("gout")
		}
		killed := b.path + "-killed"
		for _, suffix := range []string{"", "-wal"} {
			text, err := os.ReadFile(b.path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(killed+suffix, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b.path = killed
		b.open()
		b.check()
		b.write("and on")
		b.reopen()
		b.check()
	}
}

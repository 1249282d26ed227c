package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/agent/outbox"
	"github.com/carelog/carelog/events"
)

// A file of schema 1, with messages in JSON, is taken over whole; and once.
func TestSchema1IsTakenOver(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "outbox.db")
	old, err := os.ReadFile("testdata/schema-1.db")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/schema-1.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := outbox.Open(ctx, path, "practice", "desk-1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), written(t, b)); diff != "" {
			t.Errorf("the queue differs (-want +got):\n%s", diff)
		}
		if offline, err := b.Offline(ctx); !offline || err != nil {
			t.Errorf("the choice to work offline: %v, %v", offline, err)
		}
		if b.Len() != 5 || b.CountSetAside() != 1 {
			t.Errorf("%d queued and %d set aside, want 5 and 1", b.Len(), b.CountSetAside())
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}

	// It is a queue like any other: what was set aside can be given up, the rest confirmed.
	b, err := outbox.Open(ctx, path, "practice", "desk-1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	all, err := b.All(ctx)
	if err != nil {
		t.Fatal(err)
	}
	list, err := outbox.Events(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range all {
		if entry.SetAside {
			if _, err := b.Discard(ctx, entry.ID, "dr-1", "typed twice", time.Unix(0, 0)); err != nil {
				t.Error(err)
			}
		} else if err := b.Arrived(ctx, list[i]); err != nil {
			t.Error(err)
		}
	}
	if left, err := b.All(ctx); len(left) > 0 || b.Len() != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var json, framed int
	if err := db.QueryRow("SELECT count(*) FILTER (WHERE substr(event, 1, 1) = x'7b'), count(*) FILTER (WHERE substr(event, 1, 1) = x'01') FROM discarded").Scan(&json, &framed); err != nil || json != 1 || framed != 1 {
		t.Errorf("discarded: %d in JSON and %d framed, %v; want one of each", json, framed, err)
	}
}

// written is all that an outbox holds, as testdata/schema-1.txt has it.
func written(t *testing.T, b *outbox.Outbox) string {
	t.Helper()
	ctx := context.Background()
	var text strings.Builder
	all, err := b.All(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range all {
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%d %s %s %d %q %v\n", entry.Counter, entry.ID, e.Fingerprint(), entry.Attempts, entry.LastError, entry.SetAside)
	}
	n := b.Next()
	fmt.Fprintf(&text, "next %d %s\n", n.Counter, n.Previous)
	gone, err := b.Discarded(ctx)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := b.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range gone {
		fmt.Fprintf(&text, "discarded %s\n", id)
	}
	for _, k := range keys {
		fmt.Fprintf(&text, "key %s\n", k.Name())
	}
	return text.String()
}

// A message of schema 1 that cannot be read stops the whole: nothing is lost in silence.
func TestDamagedSchema1IsLeftAsItIs(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "outbox.db")
	old, err := os.ReadFile("testdata/schema-1.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE queue SET event = substr(event, 1, 100) WHERE counter = 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(ctx, path, "practice", "desk-1"); err == nil || !strings.Contains(err.Error(), outbox.ErrDamaged.Error()) {
		t.Errorf("got %v, want that it is damaged", err)
	}
	var version, rows int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		t.Errorf("schema %d, %v; want 1", version, err)
	}
	if err := db.QueryRow("SELECT count(*) FROM queue WHERE event IS NOT NULL").Scan(&rows); err != nil || rows != 6 {
		t.Errorf("%d events, %v; want 6", rows, err)
	}
}

// Something with the number or the id of a queued event, and not that event, does not
// stand for it.
func TestAnotherEventDoesNotConfirm(t *testing.T) {
	b := newBox(t)
	e := b.write("1")
	number, id := *e, *e
	number.ID = events.ID{7}
	number.Sign(b.device.Key)
	id.Author = "somebody"
	id.Sign(b.device.Key)
	if err := b.Arrived(context.Background(), &number, &id); err != nil {
		t.Fatal(err)
	}
	b.check()
}

package agent_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carelog/carelog/projections"
)

// A snapshot of a schema that this carelog does not know is refused before any of it is
// fetched: the desk says so, and reads the log.
func TestASnapshotOfANewerSchemaIsNotFetched(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one := filled(t, w)
		ctx := context.Background()
		list, err := one.Snapshots(ctx)
		if err != nil || len(list) != 1 {
			t.Fatalf("snapshots: %+v, %v", list, err)
		}
		line := w.server.Client("one")
		defer line.Close()
		name := list[0].ID + ".manifest"
		sealed, err := line.Object(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := line.PutObject(ctx, name, ofSchema(t, one, list[0].ID, sealed, projections.Schema()+1)); err != nil {
			t.Fatal(err)
		}
		var read, parts atomic.Int64
		two := w.machine("two").snapshots(every).counted(&read, func(name string, data []byte) ([]byte, error) {
			if !strings.HasSuffix(name, ".manifest") {
				parts.Add(1)
			}
			return data, nil
		})
		two.Config.SnapshotEvery = 2 * every // it takes one, and makes none
		two.start()
		w.settled()
		if text := warned(two, "snapshot-unusable"); !strings.Contains(text, "newer carelog") || parts.Load() > 0 || read.Load() < 2*every {
			t.Errorf("warning %q, %d parts fetched, %d messages read; want that a newer carelog made it, none, and the whole log", text, parts.Load(), read.Load())
		}
		w.same(t, two)
	})
}

// ofSchema is a manifest as the maker's carelog would seal it if its schema were another one.
func ofSchema(t *testing.T, maker *machine, id string, sealed []byte, schema int) []byte {
	t.Helper()
	e := maker.Config.Enrolment
	key, err := hkdf.Key(sha256.New, e.PracticeKey, nil, "carelog snapshot v1\n"+e.Practice+"\n"+id+"\n", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("carelog snapshot manifest v1\n" + e.Practice + "\n" + id + "\n")
	head := sealed[:1+aead.NonceSize()]
	plain, err := aead.Open(nil, head[1:], sealed[len(head):], data)
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(plain[ed25519.SignatureSize:], &manifest); err != nil {
		t.Fatal(err)
	}
	manifest["schema"] = schema
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	signature := ed25519.Sign(e.SigningKey(), append([]byte("carelog snapshot v1\n"), text...))
	return aead.Seal(head, head[1:], append(signature, text...), data)
}

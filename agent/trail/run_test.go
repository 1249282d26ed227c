package trail_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carelog/carelog/agent/trail"
	"github.com/carelog/carelog/events"
)

// goldenRun is a run of the first form that there was. It is never written again: whatever
// comes after it, who looked then is to be read.
var goldenRun = filepath.Join("testdata", "run-1.bin")

// goldenPractice has the keys of the golden run.
func goldenPractice() *trail.Practice {
	return &trail.Practice{ID: "p1", Key: bytes.Repeat([]byte{7}, 32), Sign: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}
}

func TestGoldenRun(t *testing.T) {
	data, err := os.ReadFile(goldenRun)
	if err != nil {
		t.Fatal(err)
	}
	p := goldenPractice()
	public := p.Sign.Public().(ed25519.PublicKey)
	list, previous, err := p.OpenRun("desk-1", public, data)
	if err != nil || previous != 0 || len(list) != 2 {
		t.Fatalf("got %+v behind %d, %v", list, previous, err)
	}
	at := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	if e := list[1]; e.Device != "desk-1" || e.What != "Basic/two" || e.Agent != "dr-1" || e.Patients[0] != "p1" || !e.At.Equal(at) {
		t.Errorf("got %+v", e)
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1
		if _, _, err := p.OpenRun("desk-1", public, damaged); err == nil {
			t.Fatalf("byte %d can be changed and nobody tells", i)
		}
	}
	if _, _, err := p.OpenRun("desk-2", public, data); !errors.Is(err, trail.ErrForged) {
		t.Errorf("in another desk's name: %v", err)
	}
	for n := range 90 {
		if _, _, err := p.OpenRun("desk-1", public, data[:n]); err == nil {
			t.Errorf("%d bytes of it open", n)
		}
	}
}

// FuzzRun: whatever a desk of the practice signs, who reads it gets entries or an error.
func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"previous":3,"from":{"month":"2026-11","offset":0},"to":{"month":"2026-11","offset":9}}` + "\n" +
		`{"at":"2026-11-29T23:00:00Z","did":"read","what":"Basic/one","id":"01KB8R0000000000000000000A"}` + "\n{\n"))
	f.Add([]byte("{}\n\n"))
	f.Add([]byte(strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, plain []byte) {
		list, err := trail.ParseRun(plain)
		if err != nil && len(list) > 0 {
			t.Fatalf("%d entries and %v", len(list), err)
		}
		for _, e := range list {
			if e.ID == (events.ID{}) || e.At.IsZero() || e.Device != "a" {
				t.Fatalf("%+v is no entry", e)
			}
		}
	})
}

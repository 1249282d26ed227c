package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

var update = flag.Bool("update", false, "add golden files that are missing; none is ever rewritten, as logs hold what they hold")

// golden is a message of the log and all that follows from it. The files of every
// form ever written stay for ever: what one of them holds must read the same.
type golden struct {
	Message     events.Message
	Event       *events.Event // nil where the message is none
	Plain       string        // the body, opened
	Digest      events.Digest
	Link        events.Digest
	Fingerprint events.Digest
	Hash        events.Digest // of a log that holds this message alone, at sequence 1
}

// keys is the golden file of the wrapped keys that the messages are sealed under.
type keys []struct {
	Name    string
	Wrapped []byte
	ID      string
}

const goldenDir = "testdata/golden"

func TestGoldenFiles(t *testing.T) {
	ring := goldenRing(t)
	for name, event := range goldenEvents() {
		addGolden(t, name, func() any {
			if len(event.body) > 0 {
				event.Sealed = must(ring.Seal(event.Patient, event.ID, event.Record, event.body))
			}
			event.Sign(deviceKey)
			return describe(t, ring, must(events.Encode(event.Event)))
		})
	}
	for name, message := range goldenMessages() {
		addGolden(t, name, func() any { return describe(t, ring, message) })
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "message-*.json"))
	if err != nil || len(files) < len(goldenEvents())+len(goldenMessages()) {
		t.Fatalf("got %d golden files (%v), want at least the %d of this version", len(files), err, len(goldenEvents())+len(goldenMessages()))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var want golden
			readGolden(t, file, &want)
			got := describe(t, ring, want.Message)
			if want.Event == nil { // a later version may well read it: only its hash is for ever
				if got.Fingerprint != want.Fingerprint || got.Hash != want.Hash {
					t.Errorf("got fingerprint %s and hash %s, want %s and %s", got.Fingerprint, got.Hash, want.Fingerprint, want.Hash)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("the message reads differently now (-golden +now):\n%s", diff)
			}
			if err := want.Event.Verify(devicePub); err != nil {
				t.Error(err)
			}
			again := *want.Event
			again.Signature = [64]byte{}
			again.Sign(deviceKey)
			if again.Signature != want.Event.Signature {
				t.Error("the same key signs the same event differently now")
			}
			if diff := cmp.Diff(want.Message, must(events.Encode(want.Event))); diff != "" {
				t.Errorf("the event is written differently now (-golden +now):\n%s", diff)
			}
		})
	}
}

// describe reads a message with the code of today.
func describe(t *testing.T, ring *events.Keyring, m events.Message) golden {
	t.Helper()
	g := golden{Message: m, Fingerprint: m.Fingerprint()}
	g.Hash = events.Position{}.Next(1, g.Fingerprint).Hash
	e, err := events.Decode(m)
	if err != nil {
		return g
	}
	plain, err := ring.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	if e.Fingerprint() != g.Fingerprint {
		t.Errorf("the event's fingerprint is %s, that of its message %s", e.Fingerprint(), g.Fingerprint)
	}
	g.Event, g.Plain, g.Digest, g.Link = e, string(plain), e.Digest(), e.Link()
	return g
}

type draft struct {
	*events.Event
	body []byte
}

// goldenEvents are the events that the golden files of this version are made of.
func goldenEvents() map[string]draft {
	id := func(s string) events.ID { return must(events.ParseID(s)) }
	at := time.Date(2026, 11, 2, 9, 30, 0, 250e6, time.UTC)
	first := func() *events.Event {
		return &events.Event{
			ID: id("01KB0000000000000000000001"), Type: events.Written, Practice: "gent-1", Device: "desk-1",
			Record: events.Record{Type: "Patient", ID: "pat.1"}, Patient: "pat.1", Time: at, Author: "dr-1",
			Chain: events.Chain{Counter: 1}, ContentType: events.ContentFHIR,
		}
	}
	next := func(change func(*events.Event)) *events.Event {
		e := first()
		e.ID, e.Chain = id("01KB0000000000000000000009"), events.Chain{Counter: 1 << 40, Previous: events.Digest{0xab, 31: 0xcd}}
		change(e)
		return e
	}
	body := []byte(`{"resourceType":"Patient","id":"pat.1","name":[{"family":"Évrard"}],"weight":70.50}`)
	return map[string]draft{
		"message-written-first.json": {first(), body},
		"message-written-resolution.json": {next(func(e *events.Event) {
			e.Parents = []events.ID{id("01KB0000000000000000000001"), id("01KB0000000000000000000002"), id("01KB0000000000000000000003")}
		}), body},
		"message-written-practice.json": {next(func(e *events.Event) {
			e.Patient, e.Author, e.Record = "", "", events.Record{Type: "Practitioner", ID: "-"}
		}), []byte(`{"resourceType":"Practitioner","id":"-"}`)},
		"message-deleted.json": {next(func(e *events.Event) {
			e.Type, e.ContentType, e.Parents = events.Deleted, "", []events.ID{id("01KB0000000000000000000001")}
		}), nil},
		"message-erased.json": {next(func(e *events.Event) { e.Type, e.ContentType = events.Erased, "" }), nil},
		"message-setaside.json": {next(func(e *events.Event) {
			e.Type, e.ContentType, e.Replaces = events.SetAside, "", events.Digest{5, 6, 7}
		}), nil},
		"message-unknown-type.json": {next(func(e *events.Event) {
			e.Type, e.Extra = "carelog.record.moved.v2", []events.Attribute{{Name: "ce-aaa", Value: "before all"}, {Name: "ce-movedto", Value: "pat.2"}, {Name: "ce-zz", Value: `~ "odd" \ value`}}
		}), body},
		"message-far-clock.json": {next(func(e *events.Event) {
			e.Time, e.Patient = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "-"
		}), body},
	}
}

// goldenMessages are in the log and are no events: their fingerprints are for ever too.
func goldenMessages() map[string]events.Message {
	strange := must(events.Encode(written()))
	strange.Header["ce-specversion"] = []string{"2.0"}
	return map[string]events.Message{
		"message-newer-version.json": strange,
		"message-empty.json":         {Subject: "carelog.p1.-"},
		"message-foreign.json": {
			Subject: "carelog.p1.x", Data: []byte("hello\x00"),
			Header: map[string][]string{"X-Other": {"b", "a"}, "Ce-Id": {"1"}, "Nats-Msg-Id": {"not hashed"}, "Zß": {"naïve\u2028"}},
		},
	}
}

// goldenRing returns a keyring with the golden wrapped keys.
func goldenRing(t *testing.T) *events.Keyring {
	t.Helper()
	addGolden(t, "keys.json", func() any {
		var made keys
		ring := events.NewKeyring(practiceKey)
		for _, patient := range []string{"", "-", "pat.1"} {
			k := must(ring.Make(patient))
			made = append(made, keys{{Name: k.Name(), Wrapped: k.Wrapped, ID: k.ID.String()}}...)
		}
		return made
	})
	var all keys
	readGolden(t, filepath.Join(goldenDir, "keys.json"), &all)
	ring := events.NewKeyring(practiceKey)
	for _, k := range all {
		w, err := events.ParseWrappedKey(k.Name, k.Wrapped)
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.Add(w); err != nil {
			t.Fatal(err)
		}
		if w.Name() != k.Name || w.ID.String() != k.ID {
			t.Errorf("got key %s with id %s, want %s with %s", w.Name(), w.ID, k.Name, k.ID)
		}
	}
	return ring
}

func TestGoldenWords(t *testing.T) {
	position := events.SignedPosition{
		Position: events.Position{Sequence: 17, Hash: events.Digest{1, 2}}, Practice: "gent-1", Device: "desk-1", Stream: "RECORDS 2026 é",
	}
	position.Sign(deviceKey)
	got := map[string]any{"position": position, "certificate": events.Certify(rootKey, "gent-1", "desk-1", devicePub), "practicekey": practiceKey.ID().String()}
	addGolden(t, "words.json", func() any { return got })
	want, err := os.ReadFile(filepath.Join(goldenDir, "words.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(indented(t, got))); diff != "" {
		t.Errorf("a position, a certificate or a key id is made differently now (-golden +now):\n%s", diff)
	}
}

// addGolden writes a golden file that is not there, if asked to.
func addGolden(t *testing.T, name string, content func() any) {
	t.Helper()
	file := filepath.Join(goldenDir, name)
	if _, err := os.Stat(file); err == nil {
		return
	}
	if !*update {
		t.Fatalf("%s is missing: golden files are never removed, and a new one is made with -update", file)
	}
	if err := os.WriteFile(file, indented(t, content()), 0o444); err != nil {
		t.Fatal(err)
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	if err := j.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readGolden(t testing.TB, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

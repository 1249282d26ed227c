package projections_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const practice = "practice-1"

// tb is what *testing.T, *testing.B and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// plainOpener takes sealed bodies for plain ones: the seal is tested where it is made.
func plainOpener(e *events.Event) ([]byte, error) { return e.Sealed, nil }

func options() projections.Options {
	return projections.Options{Practice: practice, Opener: plainOpener}
}

// openAt opens a store that the caller closes.
func openAt(t tb, path string) *projections.Store {
	t.Helper()
	s, err := projections.Open(context.Background(), path, options())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// open opens a store in a folder of its own. It is checked and closed at the end.
func open(t *testing.T) *projections.Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	t.Cleanup(func() { finish(t, s) })
	return s
}

// finish checks and closes a store.
func finish(t tb, s *projections.Store) {
	t.Helper()
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func apply(t tb, s *projections.Store, entries ...projections.Entry) []events.Record {
	t.Helper()
	changed, err := s.Apply(context.Background(), projections.Batch{Entries: entries})
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return changed
}

// complete completes the index, a few records at a time.
func complete(t tb, s *projections.Store) {
	t.Helper()
	for {
		at, err := s.Index(context.Background(), 7)
		if err != nil {
			t.Fatalf("index: %v", err)
		}
		if at.Complete() {
			return
		}
	}
}

// dump is all that is in a store once its index is complete.
func dump(t tb, s *projections.Store) string {
	t.Helper()
	complete(t, s)
	var b bytes.Buffer
	if err := s.Dump(context.Background(), &b); err != nil {
		t.Fatalf("dump: %v", err)
	}
	return b.String()
}

func state(t tb, s *projections.Store, r events.Record) projections.State {
	t.Helper()
	got, err := s.Record(context.Background(), r)
	if err != nil {
		t.Fatalf("record %s: %v", r, err)
	}
	return got
}

// desk makes the events of one device.
type desk struct {
	name  string
	clock time.Time
	chain events.Chain
	made  uint64
}

func newDesk(name string) *desk {
	return &desk{name: name, clock: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), chain: events.Chain{Counter: 1}}
}

// id makes an id as events.Clock does, but the same one every time.
func (d *desk) id(parents []events.ID) events.ID {
	ms := uint64(max(d.clock.UnixMilli(), 0))
	for _, p := range parents {
		ms = max(ms, uint64(p.Time().UnixMilli())+1)
	}
	d.made++
	var id events.ID
	binary.BigEndian.PutUint64(id[:8], ms<<16)
	copy(id[6:], d.name)
	binary.BigEndian.PutUint16(id[14:], uint16(d.made))
	return id
}

func (d *desk) event(kind events.Type, r events.Record, patient, body string, parents ...events.ID) *events.Event {
	e := &events.Event{
		ID: d.id(parents), Type: kind, Practice: practice, Device: d.name, Record: r, Patient: patient,
		Time: d.clock, Author: "dr-1", Parents: sorted(parents), Chain: d.chain, ContentType: events.ContentFHIR,
	}
	if body != "" {
		e.Sealed = []byte(body)
	} else {
		e.ContentType = ""
	}
	e.Signature[0] = 1
	d.chain = e.Follows()
	return e
}

func (d *desk) write(r events.Record, body string, parents ...events.ID) projections.Entry {
	e := d.event(events.Written, r, "pat-1", body, parents...)
	return projections.Entry{Event: e, Body: []byte(body)}
}

func (d *desk) erase(r events.Record, parents ...events.ID) projections.Entry {
	return projections.Entry{Event: d.event(events.Deleted, r, "pat-1", "", parents...)}
}

// at gives an entry its place in the log.
func at(sequence uint64, e projections.Entry) projections.Entry {
	e.Sequence, e.Hash = sequence, hashAt(sequence)
	e.Stored = time.Date(2026, 2, 1, 0, 0, int(sequence), 0, time.UTC)
	return e
}

func hashAt(sequence uint64) (d events.Digest) {
	binary.BigEndian.PutUint64(d[:], sequence)
	d[31] = 1
	return d
}

func sorted(ids []events.ID) []events.ID {
	if len(ids) == 0 {
		return nil
	}
	out := append([]events.ID(nil), ids...)
	for i := range out {
		for j := i; j > 0 && out[j].Compare(out[j-1]) < 0; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

var (
	allergy = events.Record{Type: "AllergyIntolerance", ID: "all-1"}
	patient = events.Record{Type: "Patient", ID: "pat-1"}
	note    = events.Record{Type: "Condition", ID: "con-1"}
)

func note1(text string) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":"con-1","note":[{"text":%q}]}`, text)
}

func patientBody(family, given, born, niss string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":"pat-1","identifier":[{"system":"urn:niss","value":%q}],"name":[{"family":%q,"given":[%q]}],"birthDate":%q}`,
		niss, family, given, born)
}

func ids(versions []projections.Version) []events.ID {
	var out []events.ID
	for _, v := range versions {
		out = append(out, v.Event.ID)
	}
	return out
}

// copyFiles copies a database as a crash would leave it, its WAL included.
func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(from + suffix)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

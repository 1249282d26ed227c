package projections_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// read takes in entries of the log and the position that they lead to.
func read(t tb, s *projections.Store, list ...projections.Entry) {
	t.Helper()
	last := list[len(list)-1].Sequence
	if _, err := s.Apply(context.Background(), projections.Batch{
		Entries: list, Position: events.Position{Sequence: last, Hash: hashAt(last)}, Stream: "stream-1",
	}); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

// replayed is the dump of a new store that has read entries, and nothing else.
func replayed(t *testing.T, list ...projections.Entry) string {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	defer finish(t, s)
	read(t, s, list...)
	return dump(t, s)
}

// logOfAll is a log with a conflict, a deletion, a message that is no event and one that
// stands twice.
func logOfAll() []projections.Entry {
	a, b := newDesk("a"), newDesk("b")
	one := a.write(patient, patientBody("Peeters", "Jan", "1970-01-02", "700102001"))
	two := a.write(note, note1("asthma"))
	left, right := a.write(note, note1("severe asthma"), two.Event.ID), b.write(note, note1("no asthma"), two.Event.ID)
	list := []projections.Entry{one, two, left, right, {Message: events.Message{Subject: "carelog.practice-1.pat-9", Data: []byte("?")}, Reason: "it is no event"},
		b.write(allergy, `{"resourceType":"AllergyIntolerance","id":"all-1"}`), two}
	list = append(list, b.erase(allergy, list[5].Event.ID))
	for i := range list {
		list[i] = at(uint64(i+1), list[i])
	}
	return list
}

func TestCopyHoldsWhatTheLogMadeAndNothingElse(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	s := open(t)
	read(t, s, log...)

	c, d := newDesk("c"), newDesk("d")
	stranger := events.Record{Type: "Patient", ID: "pat-2"}
	fresh := c.event(events.Written, stranger, "pat-2", `{"resourceType":"Patient","id":"pat-2","name":[{"family":"Zzyzxqueued"}]}`)
	renamed := c.write(patient, patientBody("Wwvvuuqueued", "Jan", "1970-01-02", "700102001"), log[0].Event.ID)
	third := c.write(note, note1("queued asthma"), log[1].Event.ID)
	ahead := at(20, d.write(events.Record{Type: "Condition", ID: "con-2"}, note1("aheadofthelog")))
	// A queued event under the id of one in the log, and better than that: on the other
	// desks the one of the log stands.
	twin := c.write(events.Record{Type: "Condition", ID: "con-3"}, note1("queued twin"))
	inLog := d.write(events.Record{Type: "Condition", ID: "con-3"}, note1("twin in the log"))
	inLog.Event.ID, inLog.Doubt, inLog.Reason, inLog.Body = twin.Event.ID, projections.DoubtSignature, "it is not signed", nil
	inLog = at(9, inLog)
	apply(t, s, projections.Entry{Event: fresh, Body: fresh.Sealed}, renamed, third, ahead, twin)
	read(t, s, inLog)
	want := replayed(t, append(log, inLog)...)
	if err := s.Remove(ctx, third.Event.ID); err != nil { // leaves a notice
		t.Fatal(err)
	}
	if err := s.PutKeys(ctx, events.WrappedKey{Patient: "pat-2", Wrapped: []byte("wrapped-for-this-desk")}); err != nil {
		t.Fatal(err)
	}
	before := dump(t, s)

	path := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Copy(ctx, path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("the copy changed the store (-want +got):\n%s", diff)
	}
	got := openAt(t, path)
	if diff := cmp.Diff(want, dump(t, got)); diff != "" {
		t.Errorf("the copy is not what a replay of the log makes (-want +got):\n%s", diff)
	}
	if changes, err := got.Changes(ctx, projections.Mark{}, 1000); err != nil || len(changes) != 7 {
		t.Errorf("feed of the copy: %d changes, %v; want the 7 events of the log", len(changes), err)
	}
	finish(t, got)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Zzyzxqueued", "zzyzxqueued", "Wwvvuuqueued", "wwvvuuqueued", "queued asthma", "queued twin", "aheadofthelog",
		"pat-2", "wrapped-for-this-desk", string(third.Event.ID[:]), string(fresh.ID[:])} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the copy has %q, which is only this desk's", secret)
		}
	}
	if err := s.Copy(ctx, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("copy to a file that is there: %v, want %v", err, fs.ErrExist)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(raw, again) {
		t.Errorf("a refused copy changed the file that was there: %v", err)
	}
}

func TestCopyLeavesOutWhatIsUnconfirmed(t *testing.T) {
	ctx := context.Background()
	log := logOfAll()
	s := open(t)
	read(t, s, log...)
	if err := s.Distrust(ctx); err != nil {
		t.Fatal(err)
	}
	read(t, s, log[:3]...)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Copy(ctx, path); err != nil {
		t.Fatal(err)
	}
	got := openAt(t, path)
	defer finish(t, got)
	if diff := cmp.Diff(replayed(t, log[:3]...), dump(t, got)); diff != "" {
		t.Errorf("the copy is not what a replay of the log makes (-want +got):\n%s", diff)
	}
}

// Copies that are made while others write and read are each of one moment.
func TestCopyWhileWritesGoOn(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	a := newDesk("a")
	var log []projections.Entry
	for i := range 400 {
		r := events.Record{Type: "Condition", ID: fmt.Sprintf("con-%d", i%37)}
		log = append(log, at(uint64(i+1), a.write(r, note1(fmt.Sprint(i)))))
	}
	read(t, s, log[0])
	var busy sync.WaitGroup
	stop := make(chan struct{})
	busy.Go(func() {
		for i := 1; i < len(log); i++ {
			read(t, s, log[i])
		}
		close(stop)
	})
	for range 2 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := s.Search(ctx, projections.Query{Type: "Condition"}); err != nil {
					t.Errorf("search during a copy: %v", err)
				}
			}
		})
	}
	var paths []string
	for i, done := 0, false; !done && i < 5; i++ {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := s.Copy(ctx, path); err != nil {
			t.Error(err)
			break
		}
		paths = append(paths, path)
		select {
		case <-stop:
			done = true
		default:
		}
	}
	busy.Wait()
	for _, path := range paths {
		holds, err := projections.Inspect(ctx, path)
		count, failed := projections.CountEvents(ctx, path)
		err = errors.Join(err, failed)
		if err != nil {
			t.Fatal(err)
		}
		n := holds.Position.Sequence
		if holds.Practice != practice || holds.Stream != "stream-1" || count != int(n) || holds.Position.Hash != hashAt(n) ||
			n > 1 && holds.Before != hashAt(n-1) || holds.Schema != projections.Schema() {
			t.Errorf("the copy holds %+v", holds)
		}
		got := openAt(t, path)
		if diff := cmp.Diff(replayed(t, log[:n]...), dump(t, got)); diff != "" {
			t.Errorf("the copy at %d is not what a replay makes (-want +got):\n%s", n, diff)
		}
		finish(t, got)
	}
}

func TestCopyOfAClosedStore(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "record.db"))
	finish(t, s)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Copy(context.Background(), path); err == nil {
		t.Error("a closed store was copied")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy that failed left a file: %v", err)
	}
}

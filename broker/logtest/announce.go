package logtest

import (
	"errors"
	"testing"

	"github.com/carelog/carelog/events"
)

func announceCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){
		"Announced":             testAnnounced,
		"AnnouncedAndNot":       testAnnouncedAndNot,
		"AnnouncedOverACut":     testAnnouncedOverACut,
		"AnnouncedAndRefused":   testAnnouncedAndRefused,
		"AnnouncedAndOvertaken": testAnnouncedAndOvertaken,
	}
}

// What is announced while another batch is stored comes after it, once, and leaves no trace.
func testAnnounced(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := mixed(t, 9)
	f := follow(t, d, 1)
	next := batchOf(nil, list[:3]...)
	for from := 0; from < 9; from += 3 {
		batch := next
		if from < 6 {
			next = batchOf(nil, list[from+3:from+6]...)
			for i := range next {
				next[i].After = nil // all of it is of dossiers that the batch before is about
			}
		}
		if from > 0 {
			d.Announce(batch)
		}
		if first, err := d.AppendBatch(t.Context(), batch); err != nil || first != uint64(from)+1 {
			t.Fatalf("from %d: %d, %v", from, first, err)
		}
	}
	for i, m := range list {
		f.next(t, uint64(i)+1, m)
	}
	wantLog(t, w, list...)
}

// What is announced and never appended is not stored; what is appended in its place is.
func testAnnouncedAndNot(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := mixed(t, 6)
	d.Announce(batchOf(nil, list[:3]...))
	d.Announce(batchOf(nil, list[:3]...))
	if first, err := d.AppendBatch(t.Context(), batchOf(nil, list[3:]...)); err != nil || first != 1 {
		t.Errorf("another: %d, %v", first, err)
	}
	one := batchOf(nil, list[0])
	d.Announce(one)
	d.Announce(nil)
	if first, err := d.AppendBatch(t.Context(), one); err == nil {
		t.Errorf("a batch whose dossier has moved: stored at %d", first)
	}
	wantLog(t, w, list[3:]...)
}

// What was announced on a line that broke is sent again.
func testAnnouncedOverACut(t *testing.T, w World) {
	d := w.Device("desk-1")
	batch := batchOf(nil, mixed(t, 5)...)
	d.Announce(batch)
	d.Cut()
	d.Await(false)
	if _, err := d.AppendBatch(t.Context(), batch); !errors.Is(err, events.ErrOffline) {
		t.Errorf("without a line: %v, want that it is offline", err)
	}
	d.Announce(batch) // nobody hears it
	wantLog(t, w)
	d.Mend()
	d.Await(true)
	d.Announce(batch)
	d.CutBeforeCommit()
	if _, err := d.AppendBatch(t.Context(), batch); !errors.Is(err, events.ErrUnknownOutcome) {
		t.Errorf("cut before its end: %v, want that it is not known", err)
	}
	wantLog(t, w)
	d.Mend()
	d.Await(true)
	if first, err := d.AppendBatch(t.Context(), batch); err != nil || first != 1 {
		t.Errorf("again: %d, %v", first, err)
	}
	wantLog(t, w, messagesOf(batch)...)
}

// The answer is the same for what was announced, also where it is not to be stored.
func testAnnouncedAndRefused(t *testing.T, w World) {
	d := w.Device("desk-1")
	batch := batchOf(nil, mixed(t, 4)...)
	batch[2].Message.Subject = events.Subject("p2", "pat-1")
	d.Announce(batch)
	_, err := d.AppendBatch(t.Context(), batch)
	var refused *events.RefusedError
	var blamed *events.BatchError
	if !errors.As(err, &refused) || !errors.As(err, &blamed) || blamed.Index != 2 {
		t.Errorf("error %v, want that message 2 is refused for good", err)
	}
	wantLog(t, w)
}

// A colleague who writes between the announcement and the end is not overwritten.
func testAnnouncedAndOvertaken(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	batch, other := batchOf(nil, mixed(t, 4)...), Event(t, "pat-1", "Condition/x")
	mine.Announce(batch)
	put(t, theirs, other)
	_, err := mine.AppendBatch(t.Context(), batch)
	wantStale(t, err, 1, "Condition/x", 1)
	wantLog(t, w, other)
}

func messagesOf(batch []events.Appending) (list []events.Message) {
	for _, a := range batch {
		list = append(list, a.Message)
	}
	return list
}

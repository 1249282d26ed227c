package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/carelog/carelog/events"
)

func batchCases() map[string]func(*testing.T, World) {
	cases := map[string]func(*testing.T, World){
		"Batch":            testBatch,
		"BatchIsFull":      testBatchIsFull,
		"BatchTwice":       testBatchTwice,
		"BatchIsStale":     testBatchIsStale,
		"BatchIsInPart":    testBatchIsInPart,
		"BatchRefused":     testBatchRefused,
		"BatchOverALimit":  testBatchOverALimit,
		"BatchUnexpecting": testBatchUnexpecting,
	}
	for name, f := range faults {
		cases["Batch"+name] = func(t *testing.T, w World) { testFault(t, w, f, mixed(t, 5), appendBehind) }
	}
	cut := fault{func(_ World, d Device) { d.CutBeforeCommit() }, events.ErrUnknownOutcome, false}
	cases["BatchCutBeforeCommit"] = func(t *testing.T, w World) { testFault(t, w, cut, mixed(t, 5), appendBehind) }
	return cases
}

// batchOf makes a batch; ends says where the dossiers end, by subject.
func batchOf(ends map[string]uint64, list ...events.Message) []events.Appending {
	batch := make([]events.Appending, len(list))
	seen := make(map[string]bool)
	for i, m := range list {
		batch[i].Message = m
		if end := ends[m.Subject]; !seen[m.Subject] {
			batch[i].After = &end
		}
		seen[m.Subject] = true
	}
	return batch
}

// mixed makes n messages of three dossiers, in turn.
func mixed(t testing.TB, n int) []events.Message {
	list := make([]events.Message, n)
	for i := range list {
		list[i] = Event(t, fmt.Sprintf("pat-%d", i%3), fmt.Sprintf("Condition/c-%d", i))
	}
	return list
}

func testBatch(t *testing.T, w World) {
	d := w.Device("desk-1")
	f := follow(t, d, 1)
	if first, err := d.AppendBatch(t.Context(), nil); first != 0 || err != nil {
		t.Errorf("nothing at all: %d, %v; want no error", first, err)
	}
	list := mixed(t, 12)
	put(t, d, list[0])
	ends := map[string]uint64{list[0].Subject: 1}
	for _, c := range []struct{ from, to int }{{1, 8}, {8, 9}, {9, 12}} {
		first, err := d.AppendBatch(t.Context(), batchOf(ends, list[c.from:c.to]...))
		if err != nil || first != uint64(c.from)+1 {
			t.Fatalf("messages %d to %d: %d, %v", c.from, c.to, first, err)
		}
		for i := c.from; i < c.to; i++ {
			ends[list[i].Subject] = uint64(i) + 1
		}
	}
	for i, m := range list {
		f.next(t, uint64(i)+1, m) // as it was given, without a trace of the batch
	}
	wantLog(t, w, list...)
}

func testBatchIsFull(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := batchOf(nil, mixed(t, events.MaxBatch+1)...)
	var refused *events.RefusedError
	if _, err := d.AppendBatch(t.Context(), list); !errors.As(err, &refused) {
		t.Errorf("one too many: %v, want that it is refused", err)
	}
	if first, err := d.AppendBatch(t.Context(), list[:events.MaxBatch]); err != nil || first != 1 {
		t.Errorf("%d, %v; want 1", first, err)
	}
	if got := len(w.Stored()); got != events.MaxBatch {
		t.Errorf("%d messages, want %d", got, events.MaxBatch)
	}
}

// The same batch again finds itself, whatever came after it.
func testBatchTwice(t *testing.T, w World) {
	d := w.Device("desk-1")
	list, later := mixed(t, 6), Event(t, "pat-0", "Condition/c-9")
	for range 3 {
		if first, err := d.AppendBatch(t.Context(), batchOf(nil, list...)); err != nil || first != 1 {
			t.Fatalf("%d, %v; want 1", first, err)
		}
		put(t, d, later)
	}
	wantLog(t, w, append(list, later)...)
}

// wantStale checks for the message that is to blame, and what it stumbled over.
func wantStale(t testing.TB, err error, index int, record string, sequence uint64) {
	t.Helper()
	var blamed *events.BatchError
	var stale *events.StaleError
	if !errors.As(err, &blamed) || blamed.Index != index || !errors.As(err, &stale) || stale.Record != record || stale.Sequence != sequence {
		t.Errorf("error %v, want that message %d is stale by %s at %d", err, index, record, sequence)
	}
	if errors.Is(err, events.ErrUnknownOutcome) {
		t.Errorf("error %v says two things", err)
	}
}

func testBatchIsStale(t *testing.T, w World) {
	mine, theirs := w.Device("desk-1"), w.Device("desk-2")
	before := []events.Message{Event(t, "pat-0", "Condition/a"), Event(t, "pat-1", "Condition/b"), Event(t, "pat-1", "Condition/c")}
	for _, m := range before {
		put(t, theirs, m)
	}
	list := mixed(t, 5)
	ends := map[string]uint64{list[0].Subject: 1, list[1].Subject: 2}
	_, err := mine.AppendBatch(t.Context(), batchOf(ends, list...))
	wantStale(t, err, 1, "Condition/c", 3)
	_, err = mine.AppendBatch(t.Context(), batchOf(ends, list[1]))
	wantStale(t, err, 0, "Condition/c", 3)
	ends[list[1].Subject], ends[list[2].Subject] = 3, 7 // a dossier that the server has lost
	_, err = mine.AppendBatch(t.Context(), batchOf(ends, list...))
	wantStale(t, err, 2, "", 0)
	wantLog(t, w, before...)
	ends[list[2].Subject] = 0
	if first, err := mine.AppendBatch(t.Context(), batchOf(ends, list...)); err != nil || first != 4 {
		t.Errorf("%d, %v; want 4", first, err)
	}
	wantLog(t, w, append(before, list...)...)
}

// Events that came in another batch, or alone, do not tell of all of this one.
func testBatchIsInPart(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := mixed(t, 6)
	if _, err := d.AppendBatch(t.Context(), batchOf(nil, list[:3]...)); err != nil {
		t.Fatal(err)
	}
	_, err := d.AppendBatch(t.Context(), batchOf(nil, list...))
	wantStale(t, err, 0, "Condition/c-0", 1)
	_, err = d.AppendBatch(t.Context(), batchOf(nil, list[2:]...))
	wantStale(t, err, 0, "Condition/c-2", 3)
	unexpecting := []events.Appending{{Message: list[4]}, {Message: list[1]}}
	_, err = d.AppendBatch(t.Context(), unexpecting)
	wantStale(t, err, 1, "Condition/c-1", 2)
	// The same ends at the same distance, and another one between them.
	list[4].Subject = list[1].Subject
	_, err = d.AppendBatch(t.Context(), batchOf(nil, list[0], list[4], list[2]))
	wantStale(t, err, 0, "Condition/c-0", 1)
	wantLog(t, w, list[:3]...)
}

func testBatchRefused(t *testing.T, w World) {
	d := w.Device("desk-1")
	for name, spoil := range map[string]func(list []events.Appending){
		"another practice": func(list []events.Appending) { list[2].Message.Subject = events.Subject("p2", "pat-1") },
		"too large":        func(list []events.Appending) { list[2].Message.Data = make([]byte, 1<<20+1) },
		"without id":       func(list []events.Appending) { delete(list[2].Message.Header, "ce-id") },
		"twice":            func(list []events.Appending) { list[2].Message = list[1].Message; list[2].After = nil },
		"two expectations": func(list []events.Appending) { list[2].Message.Subject = list[1].Message.Subject },
	} {
		list := batchOf(nil, mixed(t, 4)...)
		spoil(list)
		_, err := d.AppendBatch(t.Context(), list)
		var refused *events.RefusedError
		var blamed *events.BatchError
		if !errors.As(err, &refused) || !errors.As(err, &blamed) || blamed.Index != 2 {
			t.Errorf("%s: error %v, want that message 2 is refused for good", name, err)
		}
		if errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrOffline) {
			t.Errorf("%s: error %v says two things", name, err)
		}
	}
	large := batchOf(nil, mixed(t, 6)...)
	for i := range large {
		large[i].Message.Data = make([]byte, events.MaxSealed)
	}
	var refused *events.RefusedError
	if _, err := d.AppendBatch(t.Context(), large); !errors.As(err, &refused) {
		t.Errorf("too large together: error %v, want that it is refused", err)
	}
	wantLog(t, w)
}

// Where the log takes less of a message than the server does, the one that is larger is named, wherever it stands,
// announced or not.
func testBatchOverALimit(t *testing.T, w World) {
	d := w.Device("desk-1")
	w.LimitEvents(64 << 10)
	for at := range 4 {
		for _, announced := range []bool{false, true} {
			list := batchOf(nil, mixed(t, 4)...)
			list[at].Message.Data = make([]byte, 64<<10)
			if announced {
				d.Announce(list)
			}
			_, err := d.AppendBatch(t.Context(), list)
			var refused *events.RefusedError
			var blamed *events.BatchError
			if !errors.As(err, &refused) || !errors.As(err, &blamed) || blamed.Index != at {
				t.Errorf("announced %v: error %v, want that message %d is refused for good", announced, err, at)
			}
			if errors.Is(err, events.ErrUnknownOutcome) || errors.Is(err, events.ErrOffline) {
				t.Errorf("announced %v, message %d: error %v says two things", announced, at, err)
			}
		}
	}
	wantLog(t, w)
	list := mixed(t, 4)
	w.LimitEvents(0)
	if _, err := d.AppendBatch(t.Context(), batchOf(nil, list...)); err != nil {
		t.Error(err)
	}
	wantLog(t, w, list...)
}

// Who expects nothing is not hindered, and is still stored once.
func testBatchUnexpecting(t *testing.T, w World) {
	d := w.Device("desk-1")
	other, list := Event(t, "pat-0", "Condition/x"), mixed(t, 4)
	put(t, d, other)
	batch := make([]events.Appending, len(list))
	for i, m := range list {
		batch[i].Message = m
	}
	d.LoseAcks(1)
	for range 2 {
		if first, err := d.AppendBatch(t.Context(), batch); err != nil || first != 2 {
			t.Errorf("%d, %v; want 2", first, err)
		}
	}
	wantLog(t, w, append([]events.Message{other}, list...)...)
}

// appendBehind appends a batch behind the one message of pat-1 that the log has.
func appendBehind(ctx context.Context, l Log, list []events.Message) (uint64, error) {
	return l.AppendBatch(ctx, batchOf(map[string]uint64{events.Subject(Practice, "pat-1"): 1}, list...))
}

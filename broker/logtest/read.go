package logtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
)

func readCases() map[string]func(*testing.T, World) {
	return map[string]func(*testing.T, World){
		"Read":              testRead,
		"ReadFromTheMiddle": testReadFromTheMiddle,
		"ReadStops":         testReadStops,
		"ReadLivesThrough":  testReadLivesThrough,
		"ReadRollBack":      testReadRollBack,
		"ReadGrownAgain":    testReadGrownAgain,
		"ReadWipe":          testReadWipe,
		"ReadAnotherLog":    testReadAnotherLog,
		"ReadBeyondTheEnd":  testReadBeyondTheEnd,
		"ReadClosed":        testReadClosed,
		"ReadTime":          testReadTime,
		"Dossier":           testDossier,
	}
}

// What is there, in order, and then what comes, at once.
func testRead(t *testing.T, w World) {
	reading, writing := w.Device("desk-1"), w.Device("desk-2")
	list := several(t, "pat-1", 20)
	for _, m := range list[:10] {
		put(t, writing, m)
	}
	f := follow(t, reading, 0)
	for i, m := range list[:10] {
		f.next(t, uint64(i)+1, m)
	}
	for i, m := range list[10:] {
		put(t, writing, m)
		f.next(t, uint64(i)+11, m)
	}
	wantLog(t, w, list...)
}

// A log that was put back and has grown again, past where the reading had come, before
// the reader is back: it does not go on with what is another log.
func testReadGrownAgain(t *testing.T, w World) {
	reading, writing := w.Device("desk-1"), w.Device("desk-2")
	list := several(t, "pat-1", 4)
	put(t, writing, list[0])
	w.Mark()
	reading.Await(true)
	writing.Await(true)
	put(t, writing, list[1])
	put(t, writing, list[2])
	f := follow(t, reading, 2)
	f.next(t, 2, list[1])
	f.next(t, 3, list[2])
	reading.Cut()
	reading.Await(false)
	w.RollBack()
	writing.Await(true)
	for _, i := range []int{2, 1, 3} {
		put(t, writing, list[i])
	}
	reading.Mend()
	wantError(t, f.ended(t), events.ErrInconsistent)
}

// Whichever way a message is read, the server has stored it at one time: by that, a
// desk finds out that a message was lost meanwhile and given back.
func testReadTime(t *testing.T, w World) {
	d := w.Device("desk-1")
	for i, m := range several(t, "pat-1", 3) {
		put(t, d, m)
		for read, err := range d.Read(t.Context(), uint64(i)+1) {
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Get(t.Context(), read.Sequence)
			if err != nil || read.Time.IsZero() || !got.Time.Equal(read.Time) {
				t.Errorf("message %d was stored at %v when it is read, and at %v, %v, when it is asked for", read.Sequence, read.Time, got.Time, err)
			}
			break
		}
	}
}

func testReadFromTheMiddle(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := several(t, "pat-1", 5)
	for _, m := range list[:4] {
		put(t, d, m)
	}
	middle, end := follow(t, d, 3), follow(t, d, 5)
	middle.next(t, 3, list[2])
	middle.next(t, 4, list[3])
	put(t, d, list[4])
	middle.next(t, 5, list[4])
	end.next(t, 5, list[4])
	wantLog(t, w, list...)
}

func testReadStops(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := several(t, "pat-1", 3)
	for _, m := range list {
		put(t, d, m)
	}
	count := 0
	for _, err := range d.Read(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count == 2 {
			break
		}
	}
	f := follow(t, d, 4)
	f.stop()
	wantError(t, f.ended(t), context.Canceled)
	wantLog(t, w, list...)
}

func testReadLivesThrough(t *testing.T, w World) {
	reading, writing := w.Device("desk-1"), w.Device("desk-2")
	f := follow(t, reading, 1)
	faults := []struct{ make, mend func() }{
		{func() {}, func() {}},
		{func() { reading.Cut(); reading.Await(false) }, reading.Mend},
		{reading.CutIncoming, reading.Mend},
		{reading.CutOutgoing, reading.Mend},
		{w.Restart, func() {}},
	}
	list := several(t, "pat-1", 2*len(faults))
	for i, fault := range faults {
		fault.make()
		writing.Await(true)
		put(t, writing, list[2*i])
		fault.mend()
		f.next(t, uint64(2*i)+1, list[2*i])
		put(t, writing, list[2*i+1])
		f.next(t, uint64(2*i)+2, list[2*i+1])
	}
	wantLog(t, w, list...)
}

// A restored backup: the log ends before the place that was read.
func testReadRollBack(t *testing.T, w World) {
	d := w.Device("desk-1")
	list := several(t, "pat-1", 4)
	put(t, d, list[0])
	w.Mark()
	d.Await(true)
	put(t, d, list[1])
	put(t, d, list[2])
	behind, ahead := follow(t, d, 2), follow(t, d, 1)
	behind.next(t, 2, list[1])
	ahead.next(t, 1, list[0])
	ahead.next(t, 2, list[1])
	w.RollBack()
	wantError(t, ahead.ended(t), events.ErrInconsistent)
	wantError(t, behind.ended(t), events.ErrInconsistent)
	d.Await(true)
	// What was lost can be given back, once.
	for i, m := range list[1:] {
		if got, err := d.AppendAtEnd(t.Context(), m, uint64(i)+1); err != nil || got != uint64(i)+2 {
			t.Errorf("%d, %v; want %d", got, err, i+2)
		}
	}
	wantLog(t, w, list...)
}

func testReadWipe(t *testing.T, w World) {
	d := w.Device("desk-1")
	old, fresh := Event(t, "pat-1", "Condition/c-1"), Event(t, "pat-1", "Condition/c-2")
	put(t, d, old)
	before, err := d.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, d, 1)
	f.next(t, 1, old)
	w.Wipe()
	wantError(t, f.ended(t), events.ErrInconsistent)
	d.Await(true)
	after, err := d.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Identity == before.Identity || after.Last != 0 {
		t.Errorf("state %+v, want an empty log that is not %q", after, before.Identity)
	}
	if got := put(t, d, fresh); got != 1 {
		t.Errorf("sequence %d, want 1", got)
	}
	wantLog(t, w, fresh)
}

// A log that was made anew and has grown since: only its identity tells.
func testReadAnotherLog(t *testing.T, w World) {
	reading, writing := w.Device("desk-1"), w.Device("desk-2")
	old := Event(t, "pat-1", "Condition/c-1")
	put(t, writing, old)
	f := follow(t, reading, 1)
	f.next(t, 1, old)
	reading.Cut()
	reading.Await(false)
	w.Wipe()
	writing.Await(true)
	list := several(t, "pat-1", 3)
	for _, m := range list {
		put(t, writing, m)
	}
	reading.Mend()
	wantError(t, f.ended(t), events.ErrInconsistent)
	wantLog(t, w, list...)
}

func testReadBeyondTheEnd(t *testing.T, w World) {
	d := w.Device("desk-1")
	put(t, d, Event(t, "pat-1", "Condition/c-1"))
	wantError(t, follow(t, d, 3).ended(t), events.ErrInconsistent)
}

func testReadClosed(t *testing.T, w World) {
	d := w.Device("desk-1")
	f := follow(t, d, 1)
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, f.ended(t), events.ErrOffline)
	_, err := d.Append(t.Context(), Event(t, "pat-1", "Condition/c-1"))
	wantError(t, err, events.ErrOffline)
	wantLog(t, w)
}

func testDossier(t *testing.T, w World) {
	d := w.Device("desk-1")
	var dossier, other []events.Message
	for i, m := range several(t, "pat.1", 12) {
		put(t, d, m)
		dossier = append(dossier, m)
		if i%3 == 0 {
			o := Event(t, "", "Practitioner/dr-1")
			put(t, d, o)
			other = append(other, o)
		}
	}
	for _, c := range []struct {
		patient string
		after   uint64
		want    []events.Message
	}{
		{"pat.1", 0, dossier}, {"", 0, other}, {"pat-1", 0, nil},
		{"pat.1", 1, dossier[1:]}, {"pat.1", 15, dossier[11:]}, {"pat.1", 16, nil}, {"pat.1", 99, nil},
	} {
		var got []events.Message
		last := c.after
		for s, err := range d.Dossier(t.Context(), c.patient, c.after) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Sequence <= last {
				t.Errorf("message %d came after %d", s.Sequence, last)
			}
			last = s.Sequence
			got = append(got, s.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("dossier %q after %d differs (-want +got):\n%s", c.patient, c.after, diff)
		}
	}
	for range d.Dossier(t.Context(), "pat.1", 0) {
		break // a reader may leave
	}
}

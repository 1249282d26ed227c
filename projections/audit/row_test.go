package audit_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/events/eventstest"
	"github.com/carelog/carelog/projections/audit"
)

// Rows: each part of a filter leaves what it should.
func TestFilter(t *testing.T) {
	p, a, b := twoDesks(t)
	a.Delete("Condition/c9", "pat-2")
	p.Push(b.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Author: "dr-2", Body: "{}"}))
	broken := events.Message{Subject: events.Subject(p.ID, "pat-2"), Header: map[string][]string{"ce-id": {"x"}, "ce-subject": {"Condition/c9"}}}
	p.PushMessage(broken)                            // 7
	p.PushMessage(events.Message{Subject: "unread"}) // 8
	at := func(sequence int) time.Time { return p.Log[sequence-1].Time }
	for name, tc := range map[string]struct {
		filter audit.Filter
		want   []uint64
	}{
		"all":     {audit.Filter{}, []uint64{1, 2, 3, 4, 5, 6, 7, 8}},
		"patient": {audit.Filter{Patient: "pat-2"}, []uint64{5, 7, 8}},
		"own":     {audit.Filter{Own: true}, []uint64{1, 2, 8}},
		"record":  {audit.Filter{Record: c1}, []uint64{3, 4, 8}},
		"author":  {audit.Filter{Author: "dr-2"}, []uint64{6, 7, 8}},
		"device":  {audit.Filter{Device: "b"}, []uint64{2, 4, 6, 7, 8}},
		"type":    {audit.Filter{Types: []events.Type{events.Deleted, events.Erased}}, []uint64{5, 7, 8}},
		"since":   {audit.Filter{Since: at(6)}, []uint64{6, 7, 8}},
		"before":  {audit.Filter{Before: at(3)}, []uint64{1, 2}},
		"first":   {audit.Filter{First: 7}, []uint64{7, 8}},
		"last":    {audit.Filter{Last: 2}, []uint64{1, 2}},
		"several": {audit.Filter{Patient: "pat-1", Device: "a", Last: 6}, []uint64{3}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			for row, err := range audit.Rows(p.Messages(1), tc.filter, p.Ring.Open) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, row.Sequence)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// A row says whether the body opens.
func TestRowBody(t *testing.T) {
	p, a, _ := twoDesks(t)
	e := a.Make(eventstest.Change{Record: "Condition/c2", Patient: "pat-1", Body: "{}"})
	e.Sealed[len(e.Sealed)-1] ^= 1
	p.Push(e)
	a.Delete("Condition/c3", "pat-1")
	a.Write("Condition/c4", "pat-2", "x")
	p.Ring.Forget("pat-2")
	var got []audit.Opening
	for row, err := range audit.Rows(p.Messages(4), audit.Filter{}, p.Ring.Open) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row.Body)
	}
	if want := []audit.Opening{audit.Opens, audit.Broken, audit.NoBody, audit.NoKey}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	boom := errors.New("boom")
	for _, err := range audit.Rows(func(yield func(events.Stored, error) bool) { yield(events.Stored{}, boom) }, audit.Filter{}, nil) {
		if !errors.Is(err, boom) {
			t.Errorf("a log that fails: %v", err)
		}
	}
}

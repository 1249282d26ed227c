package projections_test

import (
	"context"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
)

// The tip of a record says what the record says, without reading it.
func TestTip(t *testing.T) {
	s, d, other := open(t), newDesk("desk-1"), newDesk("desk-2")
	one := events.Record{Type: "Condition", ID: "c-1"}
	first := d.event(events.Written, one, "pat-1", `{"resourceType":"Condition"}`)
	apply(t, s, at(4, projections.Entry{Event: first, Body: []byte(`{"resourceType":"Condition"}`)}))
	agrees(t, s, one, "pat-1", projections.Tip{Heads: 1, Shown: first.ID, Patient: "pat-1", End: 4})
	agrees(t, s, one, "pat-2", projections.Tip{Heads: 1, Shown: first.ID, Patient: "pat-1"})
	agrees(t, s, events.Record{Type: "Condition", ID: "c-2"}, "pat-1", projections.Tip{End: 4})
	agrees(t, s, events.Record{Type: "Condition", ID: "c-2"}, "pat-2", projections.Tip{})

	gone := d.event(events.Deleted, one, "pat-1", "", first.ID)
	apply(t, s, at(5, projections.Entry{Event: gone}))
	agrees(t, s, one, "pat-1", projections.Tip{Heads: 1, Shown: gone.ID, Patient: "pat-1", Deleted: true, End: 5})

	moved := other.event(events.Written, one, "pat-2", `{"resourceType":"Condition","id":"c-1"}`, first.ID)
	apply(t, s, at(6, projections.Entry{Event: moved, Body: []byte(`{"resourceType":"Condition","id":"c-1"}`)}))
	agrees(t, s, one, "pat-2", projections.Tip{Heads: 2, Shown: moved.ID, Patient: "pat-2", End: 6})
}

// Who changes the file keeps nobody from asking for a tip, and what does not stand yet is in none.
func TestTipBesideAChange(t *testing.T) {
	s, d := open(t), newDesk("desk-1")
	one := events.Record{Type: "Condition", ID: "c-1"}
	e := d.event(events.Written, one, "pat-1", `{"resourceType":"Condition"}`)
	if _, err := s.Apply(t.Context(), projections.Batch{
		Entries: []projections.Entry{at(4, projections.Entry{Event: e, Body: []byte(`{"resourceType":"Condition"}`)})},
		Before:  func() error { agrees(t, s, one, "pat-1", projections.Tip{}); return nil },
	}); err != nil {
		t.Fatal(err)
	}
	agrees(t, s, one, "pat-1", projections.Tip{Heads: 1, Shown: e.ID, Patient: "pat-1", End: 4})
}

func agrees(t *testing.T, s *projections.Store, r events.Record, patient string, want projections.Tip) {
	t.Helper()
	got, err := s.Tip(context.Background(), r, patient)
	if err != nil || got != want {
		t.Errorf("the tip of %s, for the dossier of %s, is %+v, %v: want %+v", r, patient, got, err, want)
	}
	if want.Heads == 0 {
		return
	}
	now := state(t, s, r)
	if same := (projections.Tip{Heads: len(now.Heads), Shown: now.Shown.Event.ID, Patient: now.Patient, Deleted: now.Shown.Deleted(), End: want.End}); got != same {
		t.Errorf("the tip of %s is %+v, and the record says %+v", r, got, same)
	}
}

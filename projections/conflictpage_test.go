package projections_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

// The conflicts of a type are listed by an index alone: in the order of every other list, page
// by page, with what carries their tag among its own, and with none of another type.
func TestConflictsOfATypeInPages(t *testing.T) {
	s := open(t)
	a, b := newDesk("a"), newDesk("b")
	fork := func(r events.Record, first, left, right string) {
		base := a.write(r, first)
		apply(t, s, base, a.write(r, left, base.Event.ID), b.write(r, right, base.Event.ID))
	}
	for _, id := range []string{"3", "1", "2"} { // of one name: by id
		fork(pat(id), patientBody("Peeters", "An", "1980-01-01", id), patientBody("Peeters", "An", "1980-01-02", id), patientBody("Peeters", "An", "1980-01-03", id))
	}
	fork(pat("0"), patientBody("Zwart", "Jo", "1990-01-01", "0"), patientBody("Zwart", "Jo", "1990-01-02", "0"), patientBody("Aerts", "Jo", "1990-01-02", "0"))
	fork(pat("settled"), patientBody("Aa", "B", "1990-01-01", "9"), patientBody("Aa", "B", "1990-01-02", "9"), patientBody("Aa", "B", "1990-01-02", "9"))
	fork(events.Record{Type: "Observation", ID: "o"}, note1("a"), note1("b"), note1("c"))
	tagged := fmt.Sprintf(`{"resourceType":"Patient","meta":{"tag":[{"system":%q,"code":%q}]},"name":[{"family":"Claes"}]}`, fhirjson.ConflictTag.System, fhirjson.ConflictTag.Code)
	apply(t, s, a.write(pat("tagged"), tagged))

	q := ask(t, "Patient", "_tag="+fhirjson.ConflictTag.System+"|"+fhirjson.ConflictTag.Code)
	want := []string{"tagged", "1", "2", "3", "0"} // of the last one Zwart is shown, which came first
	for _, size := range []int{1, 2, 50} {
		q.Limit = size
		if got, _ := pages(t.Context(), t, s, q); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size, got, want)
		}
	}
	page, err := s.Search(t.Context(), q)
	if err != nil || page.Total != len(want) || len(page.Elsewhere) != 0 {
		t.Errorf("total %d, elsewhere %v, %v: want %d and none", page.Total, page.Elsewhere, err, len(want))
	}
	all, err := s.Conflicts(t.Context())
	if err != nil || len(all) != 5 {
		t.Fatalf("%d conflicts of all types, %v: want 5", len(all), err)
	}
	for _, st := range all {
		if !st.Conflict || st.Since.IsZero() || len(st.Heads) != 2 {
			t.Errorf("%s: conflict %v since %v with %d heads", st.Record, st.Conflict, st.Since, len(st.Heads))
		}
	}
}

package projections_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections"
	"github.com/carelog/carelog/projections/fhirsearch"
)

// A page of people looks at those on it and at the namesakes of the last one, and not at as many names
// as the page has people.
func TestAPageOfNamesakesLooksAtLittleMore(t *testing.T) {
	s, desk := open(t), newDesk("a")
	const namesakes = 5
	var entries []projections.Entry
	for i := range 400 {
		r := events.Record{Type: "Patient", ID: fmt.Sprintf("p%03d", i)}
		entries = append(entries, at(uint64(i+1), desk.write(r, fmt.Sprintf(`{"resourceType":"Patient","name":[{"family":"Family%02d"}]}`, i/namesakes))))
	}
	apply(t, s, entries...)
	complete(t, s)
	s.SetBounds(3, 20_000, 500)
	page, looked, err := s.Looked(t.Context(), ask(t, "Patient"))
	if err != nil || len(page.States) != projections.DefaultLimit || page.Next == "" || looked > projections.DefaultLimit+1+namesakes {
		t.Errorf("a page of %d looks at %d, %v", len(page.States), looked, err)
	}
}

// However many records have one date, a page looks at no more than it may, and at what has
// one date more: and yet the pages pass a date that has more than that.
func TestAPageLooksAtNoMoreThanItMay(t *testing.T) {
	const examined = 25
	s, desk := open(t), newDesk("a")
	rows := []int{10, 10, 10, 10, 60, 10, 10, 10, 1, 1, 1, 10} // of each day
	var entries []projections.Entry
	want := make([]string, 0, 4*len(rows))
	for day, n := range rows {
		for i := range n {
			code := "common"
			if i%5 == 0 {
				code = "rare"
				want = append(want, fmt.Sprintf("o%02d-%02d", day, i))
			}
			r := events.Record{Type: "Observation", ID: fmt.Sprintf("o%02d-%02d", day, i)}
			entries = append(entries, at(uint64(len(entries)+1), desk.write(r, fmt.Sprintf(
				`{"resourceType":"Observation","effectiveDateTime":"2026-02-%02d","code":{"coding":[{"code":%q}]}}`, day+1, code))))
		}
	}
	apply(t, s, entries...)
	complete(t, s)
	for order, text := range map[string]string{"date": "code=rare", "-date": "code=rare", "": "date=2026-02"} {
		want := want
		q := ask(t, "Observation", text, "code=rare")
		if order != "" {
			var err error
			if q.Order, err = fhirsearch.ParseOrder("Observation", order); err != nil {
				t.Fatal(err)
			}
		}
		if order == "-date" {
			want = slices.Clone(want)
			slices.SortStableFunc(want, func(a, b string) int { return -slices.Compare([]byte(a[:3]), []byte(b[:3])) })
		}
		q.Limit = 30
		s.SetBounds(3, examined, 10)
		var got []string
		for pages := 0; ; pages++ {
			page, looked, err := s.Looked(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if whole := slices.ContainsFunc(page.States, func(state projections.State) bool { return state.Record.ID[:3] == "o04" }); !whole && looked > examined+10 || looked > examined+60 {
				t.Errorf("order %q: a page looks at %d", order, looked)
			}
			for _, state := range page.States {
				got = append(got, state.Record.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
			if pages > len(rows) {
				t.Fatalf("order %q: the pages do not end", order)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("order %q: got %v, want %v", order, got, want)
		}
	}
}
